"""A sign of work, edited in place at the pace the platform allows."""

from __future__ import annotations

import logging

import anyio

from smartops.channel import Channel
from smartops.errors import Refusal
from smartops.message import Message
from smartops.middleware import Watcher
from smartops.reply import Reply, Text
from smartops.services import Clock

log = logging.getLogger("smartops.delivery")


class Progress(Watcher):
    """Shows one message's progress; ``shown`` is the platform's id of what shows it."""

    def __init__(self, channel: Channel, message: Message, clock: Clock) -> None:
        self.shown = ""
        self._channel = channel
        self._message = message
        self._clock = clock
        self._text = "Working on it"
        self._news = anyio.Event()

    def accepted(self) -> None:
        """Show it in the message whose button was pressed: the buttons go at once."""
        self.shown = self._message.shown_in

    async def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is, soon."""
        self._text = f"{text} ({done} of {total})" if total else text
        self._news.set()

    async def run(self) -> None:
        """Show signs of work until cancelled: the first when patience ends, then news."""
        await self._clock.sleep(self._channel.patience)
        while True:
            self._news = anyio.Event()
            if not await self._showed():
                return
            await self._clock.sleep(self._channel.pace)
            await self._news.wait()

    async def _showed(self) -> bool:
        """Show it; what is under way is not cut off, for nobody would know what is shown."""
        reply = Reply(status="pending", view=(Text(self._text, style="note"),))
        with anyio.CancelScope(shield=True):
            try:
                self.shown = await self._channel.send(self._message, reply, replaces=self.shown)
            except Refusal as error:
                log.info("progress is not shown by %s: %s", self._channel.name, error)
                return False
            except Exception:
                log.exception("progress is not shown by %s", self._channel.name)
                return False
        return True
