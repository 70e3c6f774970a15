"""``smartops chat``: a conversation on the console."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import asking, configured, printed

if TYPE_CHECKING:
    from .console import Console

PROMPT = "> "
LEAVE = frozenset({"exit", "quit"})


@click.command(short_help="Start an interactive session.")
@configured()
@asking
def chat(config: Path, user: str, log_level: str) -> None:
    """Start an interactive session, under the same policy as every other channel.

    Tab completes. If the input is not a terminal, each of its lines is sent as a
    message. Leave with exit, quit or the end of the input.
    """
    import anyio

    from .console import console

    async def talk() -> None:
        async with console(config, user, log_level) as opened:
            async for line in _lines(opened):
                reply = await opened.say(line)
                click.echo(printed(reply, question=opened.asked) + "\n")

    anyio.run(talk)


async def _lines(console: Console) -> AsyncIterator[str]:
    """Yield the lines that are not blank, up to "exit" or the end of the input."""
    read = _terminal(console) if sys.stdin.isatty() else _piped
    while True:
        try:
            line = await read()
        except EOFError:
            return
        if line.strip().lower() in LEAVE:
            return
        if line.strip():
            yield line


async def _piped() -> str:
    """Return the next line of the input, printed, so that the output reads like a chat."""
    import anyio.to_thread

    line: str = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    if not line:
        raise EOFError
    line = line.rstrip("\r\n")
    if line.strip():
        click.echo(PROMPT + line)
    return line


def _terminal(console: Console) -> Callable[[], Awaitable[str]]:
    """Return a reader with completion if the extra ``console`` is installed."""
    import anyio.to_thread

    click.echo('Type "help" to see what you may run; leave with "exit".')
    try:
        from .prompt import prompt
    except ImportError:
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() editing and history
        return lambda: anyio.to_thread.run_sync(input, PROMPT, abandon_on_cancel=True)
    return prompt(console, PROMPT)
