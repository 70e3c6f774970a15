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
        self._news = anyio.Event()
        self._accepted = anyio.Event()
        self._answered = anyio.Event()
        self._watched: anyio.Event | None = None

    def accepted(self) -> None:
        """Show it in the message whose button was pressed: the buttons go at once."""
        self.shown = self._message.shown_in
        self._accepted.set()

    async def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is, soon."""
        self._text = progress_text(text, done, total)
        self._news.set()

    async def begin(self) -> None:
        """Show progress until the answer is there.

        Whether a pressed button counts decides where that is to be shown.
        """
        if self._answered.is_set():
            return
        self._watched = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._tell_once_accepted)
            await self._answered.wait()
            group.cancel_scope.cancel()
        self._watched.set()

    async def stop(self) -> None:
        """Show nothing more, and wait for what is being shown."""
        self._answered.set()
        if self._watched is not None:
            await self._watched.wait()

    async def _tell_once_accepted(self) -> None:
        if self._message.action:
            await self._accepted.wait()
        await self._tell()

    async def _tell(self) -> None:
        while True:
            self._news = anyio.Event()
            if not await self._showed():
                return
            await self._clock.sleep(self._channel.pace)
            await self._news.wait()

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
