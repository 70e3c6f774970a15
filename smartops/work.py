"""The contract of ``Work``: a long run that another process can resume.

The call of a command with a parameter ``work: Work`` is stored as an operation. If
SmartOps stops in the middle, the handler is called again with the same arguments
only if it has begun a step of :meth:`Work.once`, or if the command is declared
``@command(..., resumable=True)``. Otherwise the operation ends as ``unknown``, so
a handler that uses ``work`` only to report progress is not run again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any


def progress_text(text: str, done: int, total: int) -> str:
    """Return progress as people see it."""
    return f"{text} ({done} of {total})" if total else text


class Work(ABC):
    """The operation of a call; ``id`` is the id that people see.

    After a crash the handler is called again if it has begun a step of
    :meth:`once`, so every change must be made in a step. A handler that has begun
    none is not called again, and its operation ends as ``unknown``, unless its
    command is declared ``resumable=True``.
    """

    id: str

    @property
    @abstractmethod
    def will_resume(self) -> bool:
        """While the handler is being cancelled: whether another process will resume the operation.

        True at shutdown of a resumable operation: remote work must then be left
        running. False if the person cancelled, the deadline passed, or the handler
        is not called again.
        """

    @abstractmethod
    async def once(self, step: str, function: Callable[[], Awaitable[Any]]) -> Any:
        """Call ``function`` at most once in the operation, and return its result.

        The step is stored before the call, and its result (a JSON value) after it.
        In a resumed operation, a finished step returns its stored result. Raises
        DeadlineExceeded if the step was begun and its outcome is unknown.
        """

    @abstractmethod
    async def progress(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """Report progress to the person, by editing one message at the platform's rate limit."""
