"""The prompt of ``smartops chat`` with prompt_toolkit (the extra ``console``)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.patch_stdout import patch_stdout

from .console import Console


class _Words(Completer):
    """Completes the commands that the person may run."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        return ()

    async def get_completions_async(
        self, document: Document, event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        begun = document.text_before_cursor
        written = len(begun) - (begun.rfind(" ") + 1)
        for word in await self._console.complete(begun):
            yield Completion(word, start_position=-written)


def prompt(console: Console, text: str) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that reads one line; Ctrl-C clears the line."""
    session: PromptSession[str] = PromptSession(text, completer=_Words(console))

    async def read() -> str:
        while True:
            try:
                with patch_stdout():
                    return await session.prompt_async()
            except KeyboardInterrupt:
                continue

    return read
