"""Handlers that are not coroutine functions run in threads."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread

from smartops.command import Handler
from smartops.errors import BackendUnavailable

THREADS = 8
"""How many calls of one function run at the same time; further ones wait."""


def in_thread(function: Callable[..., Any], name: str) -> Handler:
    """Return a coroutine function that calls ``function``, in a thread if it is not one itself."""
    return function if inspect.iscoroutinefunction(function) else Threaded(function, name).call


class Threaded:
    """A function that runs in threads of its own.

    A call that was cancelled or has passed its deadline leaves a thread that runs on:
    after as many as ``THREADS`` of these, calls are refused.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function, self._name = function, name
        self._unfinished = threading.Semaphore(2 * THREADS)

    @functools.cached_property
    def _limiter(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(THREADS)

    async def call(self, **arguments: Any) -> Any:
        """Call the function in a thread."""
        run = functools.partial(self._run, arguments)
        return await anyio.to_thread.run_sync(run, abandon_on_cancel=True, limiter=self._limiter)

    def _run(self, arguments: Mapping[str, Any]) -> Any:
        if not self._unfinished.acquire(blocking=False):
            busy = BackendUnavailable(
                f"Earlier calls of {self._name} have not ended", details="Nothing was done."
            )
            busy.undone = True
            raise busy
        try:
            return self._function(**arguments)
        finally:
            self._unfinished.release()
