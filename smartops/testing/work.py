"""Work for tests that call a handler directly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from smartops.work import Work


class LooseWork(Work):
    """Work that lives as long as the test.

    ``steps`` holds the results of what was done: give one that is filled to
    resume. ``told`` holds the progress. Set ``stopping`` to have a cancellation
    look like the end of the process.
    """

    def __init__(self, steps: dict[str, Any] | None = None, *, id: str = "op-0123456789ab") -> None:
        self.id = id
        self.steps: dict[str, Any] = {} if steps is None else steps
        self.told: list[str] = []
        self.stopping = False

    @property
    def goes_on(self) -> bool:
        """What ``stopping`` says."""
        return self.stopping

    async def once(self, step: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do it unless ``steps`` knows it."""
        if step not in self.steps:
            self.steps[step] = await act()
        return self.steps[step]

    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Keep it in ``told``."""
        self.told.append(f"{text} ({done} of {total})" if total else text)
