"""``smartops say``: one message, one reply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import asking, configured, joined, printed

if TYPE_CHECKING:
    from smartops.telemetry import Level


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("text", nargs=-1, required=True)
@configured()
@asking
@click.option("--json", "as_json", is_flag=True, help="Print the JSON response.")
def say(text: tuple[str, ...], config: Path, user: str, log_level: Level, as_json: bool) -> int:
    """Send one message and print the reply.

    To confirm, pass the action value shown by --json. The exit status is 1 if
    the reply is an error.
    """
    import anyio

    from smartops.wire import dump_json, envelope

    from .console import console

    async def ask() -> int:
        async with console(config, user, log_level, asks=False) as opened:
            reply = await opened.say(joined(text))
        if as_json:
            from smartops.services import Clock

            click.echo(dump_json(envelope(reply, Clock().now())))
        else:
            click.echo(printed(reply))
        return 1 if reply.status == "error" else 0

    return anyio.run(ask)
