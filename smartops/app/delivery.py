"""One delivery: accept a message, wait for its answer as long as the channel allows, then push.

A message whose answer may be pushed is stored before its platform is
acknowledged. If its answer takes long, a progress message is posted, edited, and at last
replaced by the answer, also by another process if this one stops.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import anyio

from smartops.auth.demands import place
from smartops.channel import Channel
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable, Refusal, ValidationFailed
from smartops.message import Message
from smartops.middleware import Answer, Claimed, Gate, ProgressReporter, with_decision
from smartops.middleware.requests import current_answer
from smartops.reply import Reply
from smartops.services import Clock
from smartops.store import ApprovalMessage, Store

from .progress import Progress

T = TypeVar("T")

log = logging.getLogger("smartops.delivery")

PROGRESS = "(progress)"
"""Under which name the ids of messages that show progress are stored; no plugin is called that."""

Make = Callable[[Claimed, Progress], Awaitable[Answer]]
"""How the answer to a claimed message is made."""

Where = tuple[str, str]
"""A channel, and the platform's id of a message in it."""

GIVEN_UP = "-"
"""What is stored as the id of a message that no platform takes."""

REQUEST = "approval"
"""The member of the data of an answer that shows a request."""

HINT = 0.7
"""After how many seconds a sender sees that an answer is being made."""

MOST = 2000
"""How many messages may be in flight; more are refused, and platforms send them again."""

RETRIES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""After how many seconds a reply that could not be delivered is tried again."""


@dataclass(slots=True, eq=False)
class Pending:
    """A message whose request waits for the answer: until ``done``, or until it is ``late``.

    ``waiting`` is the scope in which a duplicate waits for the first one's answer.
    """

    message: Message
    late: bool = False
    answer: Answer | None = None
    progress: Progress | None = None
    done: anyio.Event = field(default_factory=anyio.Event)
    waiting: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Delivery:
    """Accepts messages and delivers the answer to each."""

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
        self._keys: set[str] = set()
        self._in_flight = 0
        self._unknown_channels: set[str] = set()

    @property
    def keys(self) -> Sequence[str]:
        """The idempotency keys of the stored messages that are being answered here."""
        return tuple(self._keys)

    async def handle(self, message: Message, progress: ProgressReporter | None = None) -> Answer:
        """Return the answer to a message, however long it takes."""
        first = await self._gate.begin(message) or await self._gate.first_answer(message)
        answer = first if isinstance(first, Answer) else await self._gate.answer(first, progress)
        if answer.decided:
            self._spawn(self._close_asking, answer, message)
        return answer

    async def answer(
        self, message: Message, seconds: float, channel: Channel | None = None
    ) -> Answer | None:
        """Return the answer to a message, or None if it takes longer than ``seconds``.

        A late answer is pushed if there is a ``channel`` to push it, else it is
        returned when the message is sent again.
        """
        self._check_room()
        pending = Pending(message)
        self._spawn(self._answer, pending, channel)
        with anyio.move_on_after(seconds):
            await pending.done.wait()
        if pending.answer is None:
            pending.late = True
            pending.waiting.cancel()
            if pending.progress is not None:
                self._spawn(pending.progress.begin)
        return pending.answer

    async def accept(self, channel: Channel, messages: Sequence[Message]) -> None:
        """Store messages, and begin to answer those that are new.

        When it returns they are durable and the platform may be acknowledged.
        """
        for message in messages:
            self._check_room()
            claimed = await self._gate.claim(message, store=True)
            if claimed is not None:
                self._keys.add(claimed.key)
                self._spawn(self._push, channel, replace(claimed, pushed=True), self._gate.answer)

    async def take_over(self) -> None:
        """Answer the messages that a stopped process, or a failure, left unanswered."""
        room = MOST - self._in_flight - len(self._keys)
        if room <= 0:
            return
        for key, stored in await self._store.undelivered(self._clock.time(), room):
            if key in self._keys:
                continue  # another process took it over for a while: the store was away
            with Caught(log, "a stored message cannot be read by this version"):
                self._begin_take_over(Claimed(Message.load(stored), key))

    def _begin_take_over(self, claimed: Claimed) -> None:
        name = claimed.message.channel
        channel = self._channels.get(name)
        if channel is not None:
            self._keys.add(claimed.key)
            self._spawn(self._take_over, channel, claimed)
        elif name not in self._unknown_channels:
            self._unknown_channels.add(name)
            log.warning("a message of channel %s waits, which is not loaded", name)

    async def _answer(self, pending: Pending, channel: Channel | None) -> None:
        """Answer a message whose request waits; push what is late."""
        self._in_flight += 1
        try:
            first = await self._first(pending, store=channel is not None)
            if isinstance(first, Claimed):
                await self._answer_claimed(pending, channel, first)
            elif first is not None:
                pending.answer = (
                    await self._explained(first, pending.message.at) if channel else first
                )
        finally:
            self._in_flight -= 1
            pending.done.set()

    def _check_room(self) -> None:
        if self._in_flight + len(self._keys) >= MOST:
            raise BackendUnavailable("The server is busy; try again", retry_after=1)

    async def _first(self, pending: Pending, *, store: bool) -> Claimed | Answer | None:
        """Claim the message; or return the first one's answer, None once it is late."""
        first = await self._gate.begin(pending.message, store=store)
        if first is None:
            with pending.waiting:
                first = await self._gate.first_answer(pending.message)
        return first

    async def _answer_claimed(
        self, pending: Pending, channel: Channel | None, claimed: Claimed
    ) -> None:
        if channel is None:
            pending.answer = await self._gate.answer(claimed)
            pending.done.set()
            await self._close_asking(pending.answer, claimed.message)
            return
        pending.progress = progress = self._progress(channel, claimed)
        progress.shown = claimed.message.shown_in
        if pending.late:
            self._spawn(progress.begin)
        with self._at_work(claimed):
            pending.answer = await self._made(claimed, progress, self._gate.answer)
            pending.done.set()
            if pending.late:
                await self._send_answer(channel, claimed, pending.answer, progress)
            else:
                await self._follow(channel, claimed.message, pending.answer)
            await self._forget(claimed, progress)

    async def _take_over(self, channel: Channel, claimed: Claimed) -> None:
        with self._at_work(claimed):
            stored = await self._store.facts(PROGRESS, claimed.key)
            await self._push(channel, claimed, self._gate.take_over, stored.get(claimed.key, ""))

    async def _push(self, channel: Channel, claimed: Claimed, make: Make, shown: str = "") -> None:
        """Answer a stored message for which no request waits; ``shown`` shows its progress."""
        message = claimed.message
        with self._at_work(claimed):
            progress = self._progress(channel, claimed)
            progress.stored = progress.shown = shown
            with (
                self._clock.after(HINT, partial(self._spawn, _hint, channel, message)),
                self._clock.after(channel.ack_timeout, partial(self._spawn, progress.begin)),
            ):
                answer = await self._made(claimed, progress, make)
            await self._send_answer(channel, claimed, answer, progress)
            await self._forget(claimed, progress)

    async def _made(self, claimed: Claimed, progress: Progress, make: Make) -> Answer:
        try:
            return await self._explained(await make(claimed, progress), claimed.message.at)
        finally:
            await progress.stop()

    async def _explained(self, answer: Answer, at: datetime) -> Answer:
        """Return what replaces a question: the answer, what was asked, and who decided it."""
        if answer.decided:
            with Caught(log, "the decision of %s is not described", answer.decided):
                approval = await self._store.approval(answer.decided)
                if approval is not None:
                    decisions = await self._store.decisions(approval.id)
                    answer = with_decision(answer, approval, at, decisions)
                    return self._gate.parts.masker.reply(answer)
        return answer

    @contextmanager
    def _at_work(self, claimed: Claimed) -> Iterator[None]:
        """Return a context in which this process holds the lease on a stored message."""
        self._keys.add(claimed.key)
        try:
            yield
        finally:
            self._keys.discard(claimed.key)  # if it was not answered, it is taken over again

    def _progress(self, channel: Channel, claimed: Claimed) -> Progress:
        store = partial(self._store.put_fact, PROGRESS, claimed.key)
        return Progress(channel, claimed.message, self._clock, store)

    async def _send_answer(
        self, channel: Channel, claimed: Claimed, answer: Answer, progress: Progress
    ) -> None:
        """Send the answer in place of the progress message; a private one removes that message."""
        message = claimed.message
        if message.schedule:
            answer = replace(answer, private=False)  # it has no one sender
        if answer.surplus and not progress.shown:
            return
        if answer.decided and message.shown_in:
            progress.shown = message.shown_in
        replaces = progress.stored if answer.private else progress.shown
        shown = await self._send(channel, message, answer, replaces)
        if answer.approval_message and shown:
            self._store.shown(answer.approval_message, shown)
        await self._close(answer, besides=(message.channel, shown or message.shown_in))

    async def _follow(self, channel: Channel, message: Message, answer: Answer) -> None:
        """Send what the response could not hold."""
        if answer.approval_message and message.shown_in:
            self._store.shown(answer.approval_message, message.shown_in)
        if answer.decided:
            await self._close(answer)
            return
        await self._delivered(channel, lambda: channel.follow(message, answer))

    async def _forget(self, claimed: Claimed, progress: Progress) -> None:
        """Delete an answered message from the inbox, and its progress."""
        if claimed.key:
            self._store.delivered(claimed.key)
            if progress.stored:
                await self._store.drop_fact(PROGRESS, claimed.key)

    async def _close_asking(self, answer: Answer, message: Message) -> None:
        await self._close(await self._explained(answer, message.at))

    async def update(self, answer: Answer) -> None:
        """Show an answer about an approval in place of all messages that show it."""
        await self._close(await self._explained(answer, self._clock.now()))

    async def post(self, post: ApprovalMessage, answer: Answer) -> str:
        """Post an answer in a place; return the id of the message, empty if it has none."""
        channel, message = await self.addressed(post.place, post.key)
        return await channel.send(message, await self._explained(answer, self._clock.now()))

    async def addressed(self, where: str, key: str, thread: str = "") -> tuple[Channel, Message]:
        """Return the channel of a place, and a message that it answers there.

        Raises what :meth:`Channel.address` raises.
        """
        target = place(where, {})
        channel = self._channels.get(target.channel)
        if channel is None:
            raise ValidationFailed(f"the channel {target.channel} is not loaded")
        return channel, await contained(channel.name, channel.address(target, key, thread))

    async def _message_of(self, shown: ApprovalMessage) -> Message:
        """Return the message that is answered by one that shows an approval."""
        if shown.place:
            return (await self.addressed(shown.place, shown.key))[1]
        return Message.load(shown.message.encode())

    async def _close(self, answer: Answer, besides: Where | None = None) -> None:
        """Show a decision in place of the messages that ask for it, but not in ``besides``."""
        if not answer.decided:
            return
        with Caught(log, "the buttons for %s were not removed", answer.decided):
            for asking in await self._store.approval_messages(answer.decided):
                channel, where = self._channels.get(asking.channel), (asking.channel, asking.shown)
                hidden = asking.shown in ("", GIVEN_UP)
                if channel is not None and not hidden and where != besides:
                    message = await self._message_of(asking)
                    await self._send(channel, message, replace(answer, private=False), asking.shown)
            if REQUEST in answer.data:
                await self._correct(answer)

    async def _correct(self, shown: Answer) -> None:
        """Show a request once more if it has changed while it was being shown."""
        now = await current_answer(self._gate.parts, shown.decided)
        if now is not None and now.data.get(REQUEST) != shown.data[REQUEST]:
            await self._close(await self._explained(now, self._clock.now()))

    async def _send(self, channel: Channel, message: Message, reply: Reply, replaces: str) -> str:
        """Send a reply; return the id of the message that shows it, empty if there is none."""
        send = partial(channel.send, message, reply, replaces=replaces)
        return await self._delivered(channel, send) or ""

    async def _delivered(self, channel: Channel, deliver: Callable[[], Awaitable[T]]) -> T | None:
        """Call ``deliver`` until it succeeds, is refused or was tried often enough."""
        for pause in (*RETRIES, None):
            with Caught(log, "a reply could not be delivered by %s", channel.name) as caught:
                try:
                    return await contained(channel.name, deliver())
                except BackendUnavailable as error:
                    if pause is None:
                        break
                    log.warning("%s cannot be reached; trying again: %s", channel.name, error)
                    await self._clock.sleep(max(pause, error.retry_after or 0))
                except Refusal as error:
                    log.error("a reply cannot be delivered by %s: %s", channel.name, error)
                    return None
            if caught.error is not None:
                return None
        log.error("a reply was not delivered by %s: it cannot be reached", channel.name)
        return None


async def _hint(channel: Channel, message: Message) -> None:
    try:
        await contained(channel.name, channel.hint(message))
    except Refusal as error:
        log.info("that an answer is being made is not shown by %s: %s", channel.name, error)
