"""Answers that are pushed: messages kept until they are answered, and answers shown in place.

A platform is acknowledged as soon as its message is durable. The answer
follows: a sign of work if it takes long, edits of that one message as it goes
on, and the final state, whatever happens to this process in between.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from smartops.channel import Channel
from smartops.contained import contained
from smartops.errors import BackendUnavailable, Refusal
from smartops.message import Message
from smartops.middleware import Gate
from smartops.middleware.deduplicate import act_key, digest_of
from smartops.reply import Reply
from smartops.services import Clock
from smartops.store import Store

from .progress import Progress

log = logging.getLogger("smartops.delivery")

PROGRESS = "(progress)"
"""The shelf on which it is kept what shows the progress of an act; no plugin is called that."""

Where = tuple[str, str]
"""A channel, and the platform's id of a message in it."""

HINT = 0.7
"""After how many seconds a sender sees that an answer is being made."""

RETRIES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""After how many seconds a reply that could not be delivered is tried again."""


class Delivery:
    """Takes messages in and sees to it that each is answered."""

    def __init__(
        self,
        gate: Gate,
        store: Store,
        channels: Sequence[Channel],
        clock: Clock,
        spawn: Callable[..., None],
    ) -> None:
        self._gate = gate
        self._store = store
        self._channels: Mapping[str, Channel] = {item.name: item for item in channels}
        self._clock = clock
        self._spawn = spawn
        self._waited_for: dict[str, Progress] = {}
        self._acts: set[str] = set()
        self._strange: set[str] = set()

    @property
    def acts(self) -> Sequence[str]:
        """The keys of the acts that are being answered here."""
        return tuple(self._acts)

    async def accept(self, channel: Channel, messages: Sequence[Message]) -> None:
        """Keep messages until they are answered, and begin to answer those that are new.

        When it returns they are durable and the platform may be acknowledged.
        """
        for message in messages:
            act = act_key(message)
            if await self._store.arrive(act, message.dump(), digest_of(message)):
                self._begin(channel, message, act)

    async def take_over(self) -> None:
        """Answer what a process that stopped, or a failure, has left unanswered."""
        for act, kept in await self._store.undelivered(self._clock.time()):
            if act in self._acts:
                continue  # another process took it over for a while: the store was away
            try:
                message = Message.load(kept)
            except Exception:  # whatever is wrong with it, the others are to be answered
                log.exception("a message waits that this version cannot read")
                continue
            channel = self._channels.get(message.channel)
            if channel is not None:
                self._begin(channel, message, act, retaken=True)
            elif message.channel not in self._strange:
                self._strange.add(message.channel)
                log.warning("a message of channel %s waits, which is not loaded", message.channel)

    def _begin(
        self, channel: Channel, message: Message, act: str, *, retaken: bool = False
    ) -> None:
        self._acts.add(act)
        self._spawn(self._deliver, channel, message, act, retaken)

    async def close(self, reply: Reply, besides: Where | None = None) -> set[Where]:
        """Take the buttons off the messages that ask for what ``reply`` decides.

        It is shown in their place, but not in that of ``besides``. Returns
        where it is shown now.
        """
        closed = set()
        for showing in await self._store.showings(reply.closes):
            where = (showing.channel, showing.shown)
            channel = self._channels.get(showing.channel)
            if channel is not None and showing.shown and where != besides:
                asked = Message.load(showing.message.encode())
                await self._send(channel, asked, replace(reply, private=False), showing.shown)
                closed.add(where)
        return closed

    async def answer(self, message: Message, *, kept: bool = False) -> Reply:
        """Return the answer to a message whose sender waits, kept or not until it is given."""
        act = act_key(message) if kept and message.id else ""
        if act and not await self._store.arrive(act, message.dump(), digest_of(message)):
            act = ""  # it is known, and answered as it was before
        if act:
            reply = await self._watched(message, act)
        else:
            reply = await self._gate.handle(message)
        if reply.asks and message.shown_in:
            self._store.shown(reply.asks, message.shown_in)
        return reply

    async def go_on(self, message: Message) -> None:
        """Show how far the answer is, whose sender was told to wait for it."""
        progress = self._waited_for.get(act_key(message))
        if progress is not None:
            await progress.go_on()

    async def conclude(
        self, channel: Channel, message: Message, reply: Reply, *, late: bool
    ) -> None:
        """See to what remains when the sender has the answer, or was told to wait for it."""
        if reply.repeated:
            return  # whoever answers it for the first time sees to it
        act = act_key(message)
        progress = self._waited_for.pop(act, None) or self._in_place(channel, message, act)
        try:
            closed = await self._closed(reply)
            if late and (message.channel, message.shown_in) not in closed:
                await self._answer(channel, message, reply, progress)
            await self._answered(act, progress)
        finally:
            self._acts.discard(act)

    async def _deliver(self, channel: Channel, message: Message, act: str, retaken: bool) -> None:
        try:
            await self._delivered(channel, message, act, retaken)
        finally:
            self._acts.discard(act)  # if it was not answered, it is taken over again

    async def _delivered(self, channel: Channel, message: Message, act: str, retaken: bool) -> None:
        kept = (await self._store.facts(PROGRESS, act)).get(act, "") if retaken else ""
        progress = self._watching(channel, message, act, kept)
        try:
            with (
                self._clock.after(HINT, partial(self._spawn, _hint, channel, message)),
                self._clock.after(channel.patience, partial(self._spawn, progress.go_on)),
            ):
                reply = await self._gate.handle(
                    message, act=act, retaken=retaken, pushed=True, watcher=progress
                )
        finally:
            await progress.stop()
        if reply.closes and message.shown_in:
            progress.shown = message.shown_in
        await self._answer(channel, message, reply, progress)
        await self._closed(reply, besides=(message.channel, message.shown_in))
        await self._answered(act, progress)

    async def _closed(self, reply: Reply, besides: Where | None = None) -> set[Where]:
        """Close what the reply decides, if it can be: the sender is answered in any case."""
        try:
            return await self.close(reply, besides) if reply.closes else set()
        except Exception:  # raised here, it would have the message answered again
            log.exception("the buttons for %s were not taken away", reply.closes)
            return set()

    async def _watched(self, message: Message, act: str) -> Reply:
        progress = self._in_place(self._channels[message.channel], message, act)
        self._waited_for[act] = progress
        self._acts.add(act)
        concluded = False
        try:
            reply = await self._gate.handle(message, act=act, watcher=progress)
            concluded = not reply.repeated
        finally:
            if not concluded:
                del self._waited_for[act]
                self._acts.discard(act)
            await progress.stop()
        return reply

    def _watching(self, channel: Channel, message: Message, act: str, kept: str = "") -> Progress:
        keep = partial(self._store.put_fact, PROGRESS, act)
        return Progress(channel, message, self._clock, keep, kept)

    def _in_place(self, channel: Channel, message: Message, act: str) -> Progress:
        """Return what shows the progress where the button was that was pressed."""
        progress = self._watching(channel, message, act)
        progress.shown = message.shown_in
        return progress

    async def _answer(
        self, channel: Channel, message: Message, reply: Reply, progress: Progress
    ) -> None:
        """Send the answer in the place of what shows the progress; private ones take it away."""
        replaces = progress.kept if reply.private else progress.shown
        shown = await self._send(channel, message, reply, replaces)
        if reply.asks and shown:
            self._store.shown(reply.asks, shown)

    async def _answered(self, act: str, progress: Progress) -> None:
        """Forget what was kept of a message until it is answered."""
        self._store.delivered(act)
        if progress.kept:
            await self._store.drop_fact(PROGRESS, act)

    async def _send(self, channel: Channel, message: Message, reply: Reply, replaces: str) -> str:
        """Send, trying again as long as it makes sense; return what now shows it."""
        for pause in (*RETRIES, None):
            try:
                sending = channel.send(message, reply, replaces=replaces)
                return await contained(channel.name, sending)
            except BackendUnavailable as error:
                if pause is None:
                    break
                log.warning("%s cannot be reached; trying again: %s", channel.name, error)
                await self._clock.sleep(max(pause, error.retry_after or 0))
            except Refusal as error:
                log.error("a reply cannot be delivered by %s: %s", channel.name, error)
                return ""
            except Exception:
                log.exception("a reply could not be delivered by %s", channel.name)
                return ""
        log.error("a reply was not delivered by %s: it cannot be reached", channel.name)
        return ""


async def _hint(channel: Channel, message: Message) -> None:
    try:
        await contained(channel.name, channel.hint(message))
    except Refusal as error:
        log.info("that an answer is being made is not shown by %s: %s", channel.name, error)
