"""``smartops bedrock …``: what has to be set up in AWS for the model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import click

from .config import BedrockConfig

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)", re.ASCII)


def commands(config: BedrockConfig | None) -> Iterable[click.Command]:
    """Return the commands; without a configuration they say that they need one."""
    return [_policy(config), _trust(config)]


def _policy(config: BedrockConfig | None) -> click.Command:
    @click.command()
    @click.option(
        "--account",
        default="",
        metavar="NUMBER",
        help="The account that is asked, if the configuration does not have its number; "
        "`aws sts get-caller-identity` tells.",
    )
    @click.option("--bot", is_flag=True, help="What SmartOps itself needs: to assume the role.")
    def policy(account: str, *, bot: bool) -> None:
        """Print the IAM policy for the model: the least that the configuration needs.

        It belongs to the role of the section, or to whoever SmartOps runs as
        where the section has no role, beside the policies of other plugins.
        """
        from .policy import AccountUnknown, bot_policy, model_policy

        settings = _needed(config)
        if bot:
            _print(bot_policy(_role(settings)))
            return
        _agree(settings, account)
        try:
            _print(model_policy(settings, account))
        except AccountUnknown:
            raise click.UsageError(
                "the configuration does not say in which account the model is asked; name it "
                "with --account NUMBER"
            ) from None

    return policy


def _trust(config: BedrockConfig | None) -> click.Command:
    @click.command()
    @click.option(
        "--principal",
        required=True,
        metavar="ARN",
        help="The role or user that SmartOps runs as.",
    )
    def trust(principal: str) -> None:
        """Print the trust policy of the role for the model."""
        from .policy import trust_policy

        settings = _needed(config)
        _role(settings)
        _print(trust_policy(settings, _lasting(principal)))

    return trust


def _lasting(principal: str) -> str:
    """Return whom a role can trust; of a session of a role that is the role itself."""
    if not _PRINCIPAL.fullmatch(principal):
        raise click.BadParameter(
            "it must be the ARN of a role or user, arn:aws:iam::…:role/…", param_hint="--principal"
        )
    return principal


def _needed(config: BedrockConfig | None) -> BedrockConfig:
    if config is None:
        raise click.UsageError("this needs a configuration; name it with --config FILE")
    return config


def _role(config: BedrockConfig) -> str:
    if config.role is None:
        raise click.UsageError("plugins.bedrock has no role")
    return config.role


def _agree(config: BedrockConfig, account: str) -> None:
    from .policy import account_of

    known = account_of(config)
    if account and not (account.isascii() and account.isdecimal() and len(account) == 12):
        raise click.UsageError("an account's number has twelve digits")
    if account and known and account != known:
        raise click.UsageError(f"the configuration names another account, {known}")


def _print(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))
