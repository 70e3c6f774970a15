"""``smartops teams simulate``: the service with its page, and what SmartOps must be told."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import click

from smartops_teams.config import TeamsConfig

from .page import PEOPLE, pages
from .service import APP_ID, TENANT, Simulator

_SECRET = "simulated"  # noqa: S105
_REST = """\
roles:
  operator:
rules:
  - {name: operators, allow: {roles: operator}}"""
_FLEET = "  fake: {instances: 11, fleet: [{name: web-server-01, tags: {Role: web}}]}"


async def run(config: TeamsConfig | None, port: int, bot: str) -> None:
    """Run until interrupted, as the tenant and the bot of the configuration, if there is one."""
    given = config.client_secret.reveal() if config and config.client_secret else _SECRET
    async with Simulator.start(
        app_id=config.app_id if config else APP_ID,
        tenant=config.tenants[0] if config else TENANT,
        secret=given,
        port=port,
        pages=pages,
    ) as teams:
        teams.bot = bot
        click.echo(f"A simulated Teams is at {teams.url}; it talks to {bot}.\n")
        if config is None:
            click.echo("\n".join(_told(teams)))
        else:
            for line in _wrong(config, teams):
                click.echo(line, err=True)
        await anyio.sleep_forever()


def _wrong(config: TeamsConfig, teams: Simulator) -> Iterator[str]:
    """Return what the configuration must say to come here, and does not."""
    for name, wanted in teams.settings().items():
        said = getattr(config, name)
        if isinstance(wanted, str) and said.rstrip("/").lower() != wanted.lower():
            yield f"Its configuration must say {name}: {wanted}"
        elif isinstance(wanted, list) and not set(wanted) <= set(said):
            yield f"Its configuration must say {name}: {_written(wanted)}"


def _written(value: object) -> object:
    return f"[{', '.join(value)}]" if isinstance(value, list) else value


def _told(teams: Simulator) -> Iterator[str]:
    """Return a whole configuration to begin with, and what to do with it."""
    yield "Save this as smartops.yaml, or take its teams and its people into your own:\n"
    yield "plugins:\n  teams:"
    for name, value in teams.settings(client_secret="${TEAMS_SECRET}").items():  # noqa: S106
        yield f"    {name}: {_written(value)}"
    yield f"{_FLEET}\n  instances:\n  health:\npeople:"
    for name in PEOPLE:
        yield f"  {name}:\n    roles: [operator]"
        yield f"    identities: [{teams.user(name).identity}]"
    yield f"{_REST}\n"
    yield "Then start SmartOps beside it, in another terminal:\n"
    yield f"  TEAMS_SECRET={_SECRET} smartops serve\n"
    yield f"Open {teams.url} and say: list instances"
