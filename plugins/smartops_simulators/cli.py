"""``smartops PLUGIN simulate``, one function for each entry point of ``smartops.simulators``.

What they run is imported when they run: it needs the extra ``simulators``.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

if TYPE_CHECKING:
    from .platform import Platform

    Starting = Callable[..., AbstractAsyncContextManager[Platform[Any, Any]]]

PORT = 4566
BOT = "http://127.0.0.1:3978/api/messages"
EXAMPLE = Path(__file__).parent / "aws" / "example.yaml"


def teams(config: Any) -> click.Command:
    def start() -> Starting:
        with _extra():
            from .teams import TeamsSimulator
        if config is None:
            return TeamsSimulator.start
        secret = {"secret": config.client_secret.reveal()} if config.client_secret else {}
        tenant = config.tenants[0]
        return partial(TeamsSimulator.start, app_id=config.app_id, tenant=tenant, **secret)

    return _simulate("Teams", 3979, config, start)


def slack(config: Any) -> click.Command:
    def start() -> Starting:
        with _extra():
            from .slack import SlackSimulator
        if config is None:
            return SlackSimulator.start
        secrets = {name: getattr(config, name) for name in ("bot_token", "app_token")}
        secrets["secret"] = config.signing_secret
        given = {name: value.reveal() for name, value in secrets.items() if value}
        return partial(SlackSimulator.start, team=config.workspaces[0], **given)

    return _simulate("Slack", 3980, config, start)


def _simulate(title: str, page: int, config: Any, start: Callable[[], Starting]) -> click.Command:
    @click.command(
        "simulate",
        help=f"Run a local {title} with a page in the browser, without an account.\n\n"
        "With a configuration it is the platform of that configuration, with its secrets.",
    )
    @click.option("--port", default=page, show_default=True, help="Port of the page.")
    @click.option("--bot", default=BOT, show_default=True, help="Messaging endpoint of SmartOps.")
    def simulate(port: int, bot: str) -> None:
        socket_mode = getattr(config, "app_token", None)
        anyio.run(_chat, partial(start(), port=port), config, "" if socket_mode else bot)

    return simulate


async def _chat(start: Starting, config: Any, bot: str) -> None:
    """Run a chat platform until interrupted; standard error has what goes wrong."""
    from .printed import differences

    async with start() as chat:
        chat.bot = bot
        talks = f"it talks to {bot}" if bot else "SmartOps connects to it"
        click.echo(f"A simulated {chat.title} is at {chat.url}; {talks}.\n")
        if config is None:
            click.echo(chat.printed())
        for line in differences(config, chat.settings()) if config else ():
            click.echo(line, err=True)
        known = ""
        while True:
            await chat.until(partial(_is_news, chat, known), seconds=math.inf)
            for breach in chat.breaches:
                click.echo(f"{chat.title} would not accept this: {breach}", err=True)
            chat.breaches.clear()
            if chat.trouble not in ("", known):
                click.echo(chat.trouble, err=True)
            known = chat.trouble


def _is_news(chat: Platform[Any, Any], known: str) -> bool:
    return bool(chat.breaches) or chat.trouble != known


@contextmanager
def _extra() -> Iterator[None]:
    """Name the extra if one of its libraries is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"{error.name} is missing; pip install 'smartops[simulators]'"
        raise click.UsageError(text) from error


def aws(_config: object) -> click.Command:
    @click.command()
    @click.option("--port", default=PORT, show_default=True, help="Port; 0 for any free one.")
    @click.option(
        "--scenario",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML file of the accounts, instances and faults (default: a small example).",
    )
    @click.option("--print-scenario", is_flag=True, help="Print the example scenario.")
    def simulate(port: int, scenario: Path | None, *, print_scenario: bool) -> None:
        """Run a local AWS, free of charge.

        config/aws-local.yaml is a configuration of SmartOps that uses it.
        """
        if print_scenario:
            click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
            return
        try:
            _serve(port, scenario or EXAMPLE)
        except OSError as error:
            raise click.UsageError(f"cannot listen on port {port}: {error.strerror}") from None
        except ValueError as error:
            raise click.UsageError(f"the scenario makes no sense: {_places(error)}") from None

    return simulate


def _serve(port: int, scenario: Path) -> None:
    with _extra():
        from .aws import AwsSimulator

    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    with AwsSimulator(scenario, port=port) as aws:
        account = next(iter(aws.scenario.accounts))
        click.echo(
            "# An AWS is here until Ctrl-C. Other AWS clients find it by this:\n"
            f"export AWS_ENDPOINT_URL={aws.url}\n"
            f"export AWS_ACCESS_KEY_ID={account}    # an account's number, as the key of that "
            "account\n"
            "export AWS_SECRET_ACCESS_KEY=any\n"
            "export AWS_DEFAULT_REGION=eu-central-1\n"
            "export AWS_EC2_METADATA_DISABLED=true"
        )
        while not stop.wait(1):
            pass


def _places(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
