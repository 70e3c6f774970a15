"""``smartops aws …``: what has to be set up in AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import click

from .config import AccountConfig, AwsConfig

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)", re.ASCII)
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/(?P<role>[^/]+)/.+", re.ASCII)


def commands(config: AwsConfig | None) -> Iterable[click.Command]:
    """Return the commands; without a configuration they say that they need one."""
    return [_policy(config), _trust(config), _documents(config)]


def _policy(config: AwsConfig | None) -> click.Command:
    @click.command()
    @click.argument("account", required=False)
    @click.option("--bot", is_flag=True, help="What SmartOps itself needs: to assume the roles.")
    def policy(account: str | None, *, bot: bool) -> None:
        """Print the IAM policy of an account: the least that the configuration needs.

        It belongs to the role of the account, or to whoever SmartOps runs as
        where the account has no role.
        """
        from .policy import account_policy, bot_policy

        settings = _needed(config)
        if not bot:
            _print(account_policy(settings, _account(settings, account)))
        elif any(item.role for item in settings.accounts):
            _print(bot_policy(settings))
        else:
            raise click.UsageError("no account has a role, so there is none to assume")

    return policy


def _trust(config: AwsConfig | None) -> click.Command:
    @click.command()
    @click.argument("account", required=False)
    @click.option(
        "--principal",
        required=True,
        metavar="ARN",
        help="The role or user that SmartOps runs as; `aws sts get-caller-identity` tells.",
    )
    def trust(account: str | None, principal: str) -> None:
        """Print the trust policy of an account's role."""
        from .policy import trust_policy

        settings = _needed(config)
        found = _account(settings, account)
        if not found.role:
            raise click.UsageError(f"the account {found.name} has no role")
        _print(trust_policy(found, _lasting(principal)))

    return trust


def _lasting(principal: str) -> str:
    """Return whom a role can trust; of a session of a role that is the role itself."""
    session = _SESSION.fullmatch(principal)
    if session:
        raise click.BadParameter(
            f"that is one session of the role {session['role']}; name the role, as "
            f"`aws iam get-role --role-name {session['role']} --query Role.Arn` tells it",
            param_hint="--principal",
        )
    if not _PRINCIPAL.fullmatch(principal):
        raise click.BadParameter(
            "it must be the ARN of a role or user, arn:aws:iam::…:role/…", param_hint="--principal"
        )
    return principal


def _documents(config: AwsConfig | None) -> click.Command:
    @click.command()
    @click.argument("name", required=False)
    def documents(name: str | None) -> None:
        """Print the content of a Command document, or the names of all.

        It is for: aws ssm create-document --document-type Command
        --document-format JSON --name NAME --content file://…
        """
        from .authoring import content

        listed = {item.name: item for item in _needed(config).runner.documents}
        if name is None:
            click.echo("\n".join(listed))
        elif name in listed:
            _print(content(listed[name]))
        else:
            raise click.UsageError(f"plugins.aws.runner.documents has no {name}")

    return documents


def _needed(config: AwsConfig | None) -> AwsConfig:
    if config is None:
        raise click.UsageError("this needs a configuration; name it with --config FILE")
    return config


def _account(config: AwsConfig, name: str | None) -> AccountConfig:
    accounts = {account.name: account for account in config.accounts}
    if name is None and len(accounts) == 1:
        return config.accounts[0]
    if name is None:
        raise click.UsageError(f"there are several accounts; name one of {', '.join(accounts)}")
    if name not in accounts:
        raise click.UsageError(f"there is no account {name}; there are {', '.join(accounts)}")
    return accounts[name]


def _print(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))
