"""``smartops aws …``: what has to be set up in AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
import click

from smartops import StartupError

from .config import AccountConfig, AwsConfig
from .kit import principal_option, print_document, role_policy, section_of, trust_policy


def commands(config: AwsConfig | None, load: Callable[[], object]) -> Iterable[click.Command]:
    """Return the commands; without a configuration they say that they need one.

    ``load`` loads all plugins, so that their actions are declared.
    """
    return [_check(config, load), _policy(config, load), _trust(config), _documents(config)]


def _check(config: AwsConfig | None, load: Callable[[], object]) -> click.Command:
    @click.command()
    @click.pass_context
    def check(context: click.Context) -> None:
        """Try every AWS action in all accounts and regions, and print what is missing.

        Nothing is changed. Cost Explorer charges one cent for each account.
        The status is 1 if an action is missing, or could not be tried.
        """
        from .checking import check

        settings = section_of(config)
        _declare(load)
        lines = anyio.run(check, settings)
        shown = [line for line in lines if line.state != "permitted"]
        for line in shown:
            click.echo(f"{line.backend:<24} {line.action:<34} {line.state:<12} {line.why}".rstrip())
        click.echo(f"{len(lines) - len(shown)} of {len(lines)} actions are permitted.")
        context.exit(int(any(line.state in ("missing", "unknown") for line in lines)))

    return check


def _policy(config: AwsConfig | None, load: Callable[[], object]) -> click.Command:
    @click.command()
    @click.argument("account", required=False)
    @click.option("--bot", is_flag=True, help="Print the policy to assume the roles instead.")
    def policy(account: str | None, *, bot: bool) -> None:
        """Print the least-privilege IAM policy of an account.

        It belongs to the role of the account, or to the identity that SmartOps runs as
        where the account has no role.
        """
        from .policy import account_policy

        settings = section_of(config)
        roles = [item.role for item in settings.accounts if item.role]
        if not bot:
            _declare(load)
            print_document(account_policy(settings, _account(settings, account)))
        elif roles:
            print_document(role_policy("AssumeRoles", roles))
        else:
            raise click.UsageError("no account has a role, so there is none to assume")

    return policy


def _declare(load: Callable[[], object]) -> None:
    """Load all plugins; the policy is printed even if SmartOps could not start with them."""
    try:
        load()
    except StartupError as error:
        click.echo(f"The actions of other plugins may be missing: {error}", err=True)


def _trust(config: AwsConfig | None) -> click.Command:
    @click.command()
    @click.argument("account", required=False)
    @principal_option()
    def trust(account: str | None, principal: str) -> None:
        """Print the trust policy of an account's role."""
        settings = section_of(config)
        found = _account(settings, account)
        if not found.role:
            raise click.UsageError(f"the account {found.name} has no role")
        print_document(trust_policy(found.external_id, principal))

    return trust


def _documents(config: AwsConfig | None) -> click.Command:
    @click.command()
    @click.argument("name", required=False)
    def documents(name: str | None) -> None:
        """Print a Command document, or the names of all.

        It is for: aws ssm create-document --document-type Command
        --document-format JSON --name NAME --content file://…
        """
        from .documents import content

        listed = {item.name: item for item in section_of(config).runner.documents}
        if name is None:
            click.echo("\n".join(listed))
        elif name in listed:
            print_document(content(listed[name]))
        else:
            raise click.UsageError(f"plugins.aws.runner.documents has no {name}")

    return documents


def _account(config: AwsConfig, name: str | None) -> AccountConfig:
    accounts = {account.name: account for account in config.accounts}
    if name is None and len(accounts) == 1:
        return config.accounts[0]
    if name is None:
        raise click.UsageError(f"there are several accounts; name one of {', '.join(accounts)}")
    if name not in accounts:
        raise click.UsageError(f"there is no account {name}; there are {', '.join(accounts)}")
    return accounts[name]
