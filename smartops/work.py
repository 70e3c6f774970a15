"""The contract of work: a call that may outlast the process that began it.

The call of a command that asks for ``work: Work`` is kept as an operation. Should
SmartOps stop in the middle, the handler is called again with the same arguments
only if it has begun a step of :meth:`Work.once`, or if the command is declared
``@command(..., resumable=True)``. Otherwise the operation ends as ``unknown``:
asking for ``work`` to report progress has no part in what happens after a crash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any


class Work(ABC):
    """The operation that a call is carried out as; ``id`` is what people name it by.

    After a crash the handler is called again if it has begun a step of
    :meth:`once`: whatever changes something belongs into a step. A handler that
    has begun none is not called again, unless its command is declared
    ``resumable=True``; its operation then ends as ``unknown``.
    """

    id: str

    @property
    @abstractmethod
    def goes_on(self) -> bool:
        """While the handler is being cancelled: whether that is because this process stops.

        The next process will then go on with the operation, so what runs
        elsewhere must be left alone. It is false when the person cancelled, the
        deadline passed, or the handler is not called again after a stop.
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
