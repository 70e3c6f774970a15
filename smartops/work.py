"""The contract of work: a call that may outlast the process that began it.

A command that asks for ``work: Work`` is resumable. Its call is kept as an
operation; should SmartOps stop in the middle, the next start calls the handler
again with the same arguments, and what was done before is not done again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any


class Work(ABC):
    """The operation that a call is carried out as; ``id`` is what people name it by."""

    id: str

    @property
    @abstractmethod
    def goes_on(self) -> bool:
        """While the handler is being cancelled: whether that is because this process stops.

        The next process will then go on with the operation, so what runs
        elsewhere must be left alone. It is false when the person cancelled or
        the deadline passed.
        """

    @abstractmethod
    async def once(self, step: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do ``act`` once in the life of the operation, and return what it returned.

        The intent is durable before, the result (anything JSON can hold) after.
        In a resumed operation a step that was done returns its result without
        being done again. Raises DeadlineExceeded if it was begun and nobody
        knows whether it was done.
        """

    @abstractmethod
    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Tell the person how far it is; shown by editing one message, at the platform's pace."""
