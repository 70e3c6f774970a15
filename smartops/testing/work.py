"""A ``Work`` for tests that call a handler directly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from smartops.work import Work, progress_text


class FakeWork(Work):
    """Work in memory.

    ``steps`` holds the results of finished steps; pass a filled one to resume.
    ``reports`` holds the progress reports. Set ``stopping`` to make a
    cancellation look like a shutdown.
    """

    def __init__(self, steps: dict[str, Any] | None = None, *, id: str = "op-0123456789ab") -> None:
        self.id = id
        self.steps: dict[str, Any] = {} if steps is None else steps
        self.reports: list[str] = []
        self.stopping = False

    @property
    def will_resume(self) -> bool:
        """The value of ``stopping``."""
        return self.stopping

    async def once(self, step: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run the step unless ``steps`` has its result."""
        if step not in self.steps:
            self.steps[step] = await function()
        return self.steps[step]

    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Append the text to ``reports``."""
        self.reports.append(progress_text(text, done, total))
