"""Finds code that blocks the event loop: until it ends, no other message is answered."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

from smartops.contained import contained
from smartops.middleware import Wired

log = logging.getLogger("smartops.app")

LIMIT = 0.5
"""For how many seconds the event loop may be blocked."""

INTERVAL = 0.1
"""How often the event loop and the thread that watches it look at the time."""

_COMMANDS = {function.__code__ for function in (Wired.run, Wired.plan, Wired.effect)}


class Watchdog:
    """A thread that logs what blocks the event loop, once each time, as a context manager.

    It samples the stack of the loop's thread only when the loop is late. ``count`` is
    called with the name of the command that blocks, empty if there is none.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._turn = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="SmartOps watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._loop, self._watched = asyncio.get_running_loop(), threading.get_ident()
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stop.set()
        self._timer.cancel()
        self._thread.join()

    def _look(self) -> None:
        self._turn = time.monotonic()
        self._timer = self._loop.call_later(INTERVAL, self._look)

    def _watch(self) -> None:
        reported = 0.0
        while not self._stop.wait(INTERVAL):
            turn = self._turn
            if turn == reported or time.monotonic() - turn < LIMIT + INTERVAL:
                continue
            frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - it has no other name
            if frame is not None and frame.f_code.co_name != "select":  # else the process slept
                reported = turn
                self._report(frame)

    def _report(self, innermost: FrameType) -> None:
        command = owner = ""
        outermost = innermost
        for frame in _outwards(innermost):
            if frame.f_code in _COMMANDS:
                command = frame.f_locals["self"].command.name
            elif frame.f_code is contained.__code__:
                owner, outermost = frame.f_locals["owner"], frame
        blocking = f"command {command!r} of {owner}" if command else owner or "SmartOps"
        stack = traceback.format_stack(innermost)
        shown = len(list(_outwards(innermost, outermost))) if owner else len(stack)
        log.warning(
            "%s blocks the event loop for more than %g seconds",
            blocking,
            LIMIT,
            extra={"exception": "".join(stack[-shown:]).rstrip()},
        )
        self._count(command)


def _outwards(frame: FrameType | None, last: FrameType | None = None) -> Iterator[FrameType]:
    """Yield a frame and its callers, up to the ``last``."""
    while frame is not None:
        yield frame
        frame = None if frame is last else frame.f_back
