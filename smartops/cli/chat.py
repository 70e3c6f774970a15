"""``smartops chat``: a conversation on the console."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import asking, configured, printed

if TYPE_CHECKING:
    from anyio import CancelScope

    from smartops.reply import Reply
    from smartops.telemetry import Level

    from .console import Console

PROMPT = "> "
LEAVE = frozenset({"exit", "quit"})
ABANDONED = 'Cancelled. What was begun may continue: see "operations".'
ERASE = "\r\x1b[K"
SHOWS_AFTER = 0.7
"""After how many seconds a running command is shown as such."""


@click.command(short_help="Start an interactive session.")
@configured()
@asking
def chat(config: Path, user: str, log_level: Level) -> None:
    """Start an interactive session, under the same policy as every other channel.

    Tab completes, also names of instances. Ctrl-C cancels the running command. If the
    input is not a terminal, each of its lines is sent as a message. Leave with exit,
    quit or the end of the input. NO_COLOR switches colours off.
    """
    import anyio

    from .console import console

    async def talk() -> None:
        terminal = sys.stdin.isatty()
        async with console(config, user, log_level) as opened:
            async for line in _lines(opened):
                if terminal and os.name == "posix":
                    await _answer(opened, line)
                else:
                    reply = await opened.say(line)
                    click.echo(printed(reply, question=opened.asked) + "\n")

    anyio.run(talk)


async def _answer(console: Console, line: str) -> None:
    """Answer a line that was typed at a terminal. Ctrl-C does not end the program."""
    import anyio
    import anyio.to_thread

    from .terminal import show

    with anyio.open_signal_receiver(signal.SIGINT) as interrupts:
        reply = None
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(_cancel, interrupts, console, scope)
                group.start_soon(_show_progress, console)
                reply = await console.say(line)
            group.cancel_scope.cancel()
        await anyio.to_thread.run_sync(show, _text(reply, console) + "\n")


def _text(reply: Reply | None, console: Console) -> str:
    if reply is None:
        return ABANDONED
    return printed(reply, question=console.asked, columns=shutil.get_terminal_size().columns)


async def _cancel(interrupts: AsyncIterator[int], console: Console, scope: CancelScope) -> None:
    """Cancel the running operations on the first interrupt, else stop to wait for the answer."""
    asked = False
    async for _ in interrupts:
        if asked or not await console.cancel():
            scope.cancel()
        asked = True


async def _show_progress(console: Console) -> None:
    """Show on standard error that a command is running, and what it reports."""
    import anyio

    seconds = SHOWS_AFTER
    await anyio.sleep(seconds)
    try:
        while True:
            text = f"{console.progress or 'Working'}… {seconds:.0f} s, Ctrl-C cancels"
            fitting = text[: shutil.get_terminal_size().columns - 1]
            click.echo(f"{ERASE}{fitting}", nl=False, err=True)
            await anyio.sleep(1)
            seconds += 1
    finally:
        click.echo(ERASE, nl=False, err=True)


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
    """Return a reader with completion and history if the extra ``console`` is installed."""
    import anyio.to_thread

    click.echo('Type "help" to see what you may run; leave with "exit".')
    try:
        from .prompt import prompt
    except ImportError:
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() editing and history
        return lambda: anyio.to_thread.run_sync(input, PROMPT, abandon_on_cancel=True)
    return prompt(console, PROMPT, Path(click.get_app_dir("smartops")) / "history")
