"""The prompt of ``smartops chat`` with prompt_toolkit (the extra ``console``)."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout

from .console import Console


class _Words(Completer):
    """Completes the commands that the person may run, and when Tab is pressed also names."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        return ()

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        begun = document.text_before_cursor
        written = len(begun) - (begun.rfind(" ") + 1)
        for word in await self._console.complete(begun, names=event.completion_requested):
            yield Completion(word, start_position=-written)


def prompt(console: Console, text: str, history: Path) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that reads one line; Ctrl-C clears the line.

    Lines are added to the file ``history``, which later sessions read.
    """
    session: PromptSession[str] = PromptSession(
        text, completer=_Words(console), history=_history(history)
    )

    async def read() -> str:
        while True:
            try:
                with patch_stdout():
                    return await session.prompt_async()
            except KeyboardInterrupt:
                continue

    return read


def _history(path: Path) -> History:
    """Return the history in a file that only its owner can read, or in memory if it has none."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return FileHistory(path)
    return InMemoryHistory()
