"""A progress message, edited in place at the pace that the platform allows."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from smartops.channel import Channel
from smartops.contained import Caught, contained
from smartops.errors import Refusal
from smartops.message import Message
from smartops.middleware import ProgressReporter
from smartops.reply import Reply, Text
from smartops.services import Clock
from smartops.work import progress_text

log = logging.getLogger("smartops.delivery")


class Progress(ProgressReporter):
    """Shows one message's progress; ``shown`` is the platform's id of where it is to be shown.

    ``stored`` is the id of the message that shows it now, empty if none does yet.
    ``store`` stores that, so that another process can take over.
    """

    def __init__(
        self,
        channel: Channel,
        message: Message,
        clock: Clock,
        store: Callable[[str], Awaitable[None]],
    ) -> None:
        self.shown = self.stored = ""
        self._store = store
        self._channel = channel
        self._message = message
        self._clock = clock
        self._text = "Working on it"
        self._news: anyio.Event | None = None
        self._accepted = not message.action
        self._answered = False
        self._scope: anyio.CancelScope | None = None
        self._ended: anyio.Event | None = None

    def accepted(self) -> None:
        """Show it in the message whose button was pressed; its buttons are removed at once."""
        self.shown = self._message.shown_in
        self._accepted = True
        self._wake()

    async def show(self, text: str, done: int, total: int) -> None:
        """Show the progress, soon."""
        self._text = progress_text(text, done, total)
        self._wake()

    async def begin(self) -> None:
        """Show progress until :meth:`stop`; after a press, only from :meth:`accepted` on."""
        if self._answered:
            return
        self._ended = anyio.Event()
        with anyio.CancelScope() as self._scope:
            await self._tell()
        self._ended.set()

    async def stop(self) -> None:
        """Stop, and wait for an update in flight."""
        self._answered = True
        if self._scope is not None and self._ended is not None:
            self._scope.cancel()
            await self._ended.wait()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()

    async def _tell(self) -> None:
        while not self._accepted:
            self._news = anyio.Event()
            await self._news.wait()
        while True:
            self._news = news = anyio.Event()
            if not await self._showed():
                return
            await self._clock.sleep(self._channel.pace)
            await news.wait()

    async def _showed(self) -> bool:
        """Show it. A send in flight is not cancelled, as its result is needed."""
        reply = Reply(status="pending", view=(Text(self._text, style="note"),))
        name = self._channel.name
        with anyio.CancelScope(shield=True), Caught(log, "progress is not shown by %s", name):
            try:
                sending = self._channel.send(self._message, reply, replaces=self.shown)
                self.shown = await contained(name, sending)
                if self.shown != self.stored:
                    self.stored = self.shown
                    await self._store(self.stored)
                return True
            except Refusal as error:
                log.info("progress is not shown by %s: %s", name, error)
        return False
