"""Calling plugin code: an exception there fails one call, never the process.

asyncio ends the event loop when ``SystemExit`` or ``KeyboardInterrupt`` leaves a
task, so both are handled like any other failure in the task that runs the plugin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from logging import Logger
from types import TracebackType
from typing import Self, TypeVar

from .errors import Refusal, SmartOpsError

T = TypeVar("T")

CANCELLED = (asyncio.CancelledError, GeneratorExit)
"""The exceptions that cancel a task: code that catches them must raise them again."""


class PluginFailed(SmartOpsError):
    """A plugin broke its contract; the text names it, and is for the log only."""


class Caught:
    """Catch whatever a ``with`` block raises, except cancellation.

    The exception is stored in ``error``, and logged with its traceback if there is
    a ``log``. Exceptions with an answer of their own are handled inside the block::

        with Caught(log, "channel %s failed", name) as caught:
            try:
                return await channel.send(...)
            except Refusal as refusal:
                ...
        # reached only if something unforeseen was caught
    """

    def __init__(self, log: Logger | None = None, text: str = "", *args: object) -> None:
        self._log, self._text, self._args = log, text, args
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, CANCELLED):
            return False
        self.error = error
        if self._log is not None:
            self._log.error(self._text, *self._args, exc_info=error)
        return True

    def reraise(self) -> None:
        """Raise the exception again, if there was one."""
        if self.error is not None:
            raise self.error


async def contained(owner: str, work: Awaitable[T]) -> T:
    """Await plugin code; add the plugin's name to the traceback of its exceptions.

    Refusals and cancellation are raised unchanged. Exceptions that would end the
    process become PluginFailed.
    """
    try:
        return await work
    except (*CANCELLED, Refusal):
        raise
    except BaseException as error:  # it is raised again, with the plugin's name
        if not isinstance(error, Exception):  # such as SystemExit of argparse
            raise PluginFailed(f"the plugin {owner} raised {type(error).__name__}") from error
        if not getattr(error, "__notes__", ()):  # else it was raised by a nested call
            error.add_note(f"raised in the plugin {owner}")
        raise
