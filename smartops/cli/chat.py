"""``smartops chat``: a conversation on the console."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .asking import asking, shown
from .options import configured

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
                click.echo(shown(reply, question=opened.asked) + "\n")

    anyio.run(talk)


async def _lines(console: Console) -> AsyncIterator[str]:
    """Yield what is said until somebody leaves; blank lines say nothing."""
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
    """Return the next line of the input; it is shown, so that the output reads like a chat."""
    import anyio.to_thread

    line: str = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    if not line:
        raise EOFError
    line = line.rstrip("\r\n")
    if line.strip():
        click.echo(PROMPT + line)
    return line


def _terminal(console: Console) -> Callable[[], Awaitable[str]]:
    """Return a reader with history and completion, as good as what is installed allows."""
    click.echo('Say "help" to see what you may run; leave with "exit".')
    try:
        from .prompt import prompt
    except ImportError:
        return _bare(console)
    return prompt(console, PROMPT)


def _bare(console: Console) -> Callable[[], Awaitable[str]]:
    import anyio.to_thread

    with suppress(ImportError):
        import readline

        def word(text: str, state: int) -> str | None:
            begun = readline.get_line_buffer()[: readline.get_endidx()]
            found = [item for item in console.complete(begun) if item.startswith(text)]
            return f"{found[state]} " if state < len(found) else None

        readline.set_completer_delims(" ")
        readline.set_completer(word)
        readline.parse_and_bind("tab: complete")

    async def read() -> str:
        return await anyio.to_thread.run_sync(input, PROMPT, abandon_on_cancel=True)

    return read
