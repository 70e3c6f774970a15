"""``smartops bedrock …``: the IAM policies for the model."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from smartops_aws.kit import (
    principal_option,
    print_document,
    role_policy,
    section_of,
    trust_policy,
)

from .config import BedrockConfig
from .policy import AccountUnknown, account_of, model_policy


def commands(config: BedrockConfig | None) -> Iterable[click.Command]:
    """Return the commands; without a configuration they fail with a usage error."""

    @click.command()
    @click.option(
        "--account",
        default="",
        metavar="NUMBER",
        help="Account of the model, if the configuration does not have its number; "
        "`aws sts get-caller-identity` prints it.",
    )
    @click.option("--bot", is_flag=True, help="Print the policy to assume the role instead.")
    def policy(account: str, *, bot: bool) -> None:
        """Print the least-privilege IAM policy for the model.

        It belongs to the role of the section, or to the identity that SmartOps runs as
        where the section has no role, beside the policies of other plugins.
        """
        settings = section_of(config)
        if bot:
            print_document(role_policy("AssumeModelRole", _role(settings)))
            return
        known = account_of(settings)
        if account and not re.fullmatch("[0-9]{12}", account):
            raise click.UsageError("an account's number has twelve digits")
        if account and known and account != known:
            raise click.UsageError(f"the configuration names another account, {known}")
        try:
            print_document(model_policy(settings, account))
        except AccountUnknown:
            raise click.UsageError(
                "the configuration does not say in which account the model is; name it "
                "with --account NUMBER"
            ) from None

    @click.command()
    @principal_option()
    def trust(principal: str) -> None:
        """Print the trust policy of the role for the model."""
        settings = section_of(config)
        _role(settings)
        print_document(trust_policy(settings.external_id, principal))

    return [policy, trust]


def _role(config: BedrockConfig) -> str:
    if config.role is None:
        raise click.UsageError("plugins.bedrock has no role")
    return config.role
