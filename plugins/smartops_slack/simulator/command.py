"""``smartops slack simulate``: the service with its page, and what SmartOps must be told."""

from __future__ import annotations

import math
from collections.abc import Iterator

import click

from smartops_slack.config import SlackConfig

from .page import PEOPLE, pages
from .service import APP_TOKEN, BOT_TOKEN, SECRET, TEAM, Simulator

_VARIABLES = {"bot_token": "SLACK_BOT_TOKEN", "signing_secret": "SLACK_SIGNING_SECRET"}
_REST = """\
roles:
  operator:
rules:
  - {name: operators, allow: {roles: operator}}"""
_FLEET = "  fake: {instances: 11, fleet: [{name: web-server-01, tags: {Role: web}}]}"


async def run(config: SlackConfig | None, port: int, bot: str) -> None:
    """Run until interrupted, as the workspace and the app of the configuration, if there is one."""
    async with Simulator.start(
        team=config.workspaces[0] if config else TEAM,
        secret=(config.signing_secret.reveal() if config else "") or SECRET,
        bot_token=config.bot_token.reveal() if config else BOT_TOKEN,
        app_token=(config.app_token.reveal() if config else "") or APP_TOKEN,
        port=port,
        pages=pages,
    ) as slack:
        if not (config and config.app_token):
            slack.bot = bot
        click.echo(f"A simulated Slack is at {slack.url}; it talks to {bot}.\n")
        if config is None:
            click.echo("\n".join(_told(slack)))
        elif config.api_url != f"{slack.url}/api/":
            click.echo(f"Its configuration must say api_url: {slack.url}/api/", err=True)
        while True:
            await slack.until(lambda: slack.breaches, seconds=math.inf)
            click.echo(f"Slack would not take this: {slack.breaches.pop(0)}", err=True)


def _told(slack: Simulator) -> Iterator[str]:
    """Return a whole configuration to begin with, and what to do with it."""
    settings = slack.settings()
    yield "Save this as smartops.yaml, or take its slack and its people into your own:\n"
    yield "plugins:\n  slack:"
    for name, value in settings.items():
        written = f"[{value[0]}]" if isinstance(value, list) else value
        yield f"    {name}: {f'${{{_VARIABLES[name]}}}' if name in _VARIABLES else written}"
    yield f"{_FLEET}\n  instances:\n  health:\npeople:"
    for name in PEOPLE:
        yield f"  {name}:\n    roles: [operator]"
        yield f"    identities: [{slack.user(name).identity}]"
    yield f"{_REST}\n"
    yield "Then start SmartOps beside it, in another terminal:\n"
    secrets = [f"{variable}={settings[name]}" for name, variable in _VARIABLES.items()]
    yield f"  {' '.join(secrets)} smartops serve\n"
    yield f"Open {slack.url} and say: list instances"
