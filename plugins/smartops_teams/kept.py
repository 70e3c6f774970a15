"""Cards with a button that works once, kept for as long as it may be pressed.

Teams tells which message a button was pressed in, but not what it shows; and a
card can only be shown without its button by whoever has the card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from smartops import Clock, Reply, Shelf

_PREFIX = "card:"
_DAY = 86_400
_DAYS = 2


class Cards:
    """Replies on the plugin's shelf, by the message that shows them, for a day or two."""

    def __init__(self, shelf: Callable[[], Shelf], clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._swept = 0

    async def keep(self, conversation: str, shown: str, reply: Reply) -> None:
        """Keep what a message shows, if it has a button that works once."""
        if not any(action.once for action in reply.actions):
            return
        today = self._today()
        await self._shelf().put(_key(today, conversation, shown), _kept(reply))
        if self._swept != today:
            self._swept = today
            await self._sweep(today)

    async def take(self, conversation: str, shown: str) -> Reply | None:
        """Return what a message shows, without such buttons, and forget it; None if unknown."""
        today = self._today()
        for day in range(today, today - _DAYS, -1):
            key = _key(day, conversation, shown)
            if kept := await self._shelf().get(key):
                await self._shelf().delete(key)
                reply = Reply.load(kept.encode())
                left = tuple(action for action in reply.actions if not action.once)
                return replace(reply, actions=left)
        return None

    async def _sweep(self, today: int) -> None:
        for key in await self._shelf().items(_PREFIX):
            if int(key.split(":")[1]) <= today - _DAYS:
                await self._shelf().delete(key)

    def _today(self) -> int:
        return int(self._clock.time() // _DAY)


def _kept(reply: Reply) -> str:
    return replace(reply, data={}, asks="", closes="").dump().decode()


def _key(day: int, conversation: str, shown: str) -> str:
    digest = hashlib.sha256(f"{conversation}\0{shown}".encode()).hexdigest()
    return f"{_PREFIX}{day}:{digest}"
