"""Replies on their way out: to the right conversation, in order, and whole."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from smartops import BackendUnavailable, Clock, Message, Refusal, Reply, Text, ValidationFailed
from smartops.channels import compact_json

from .answers import Page, message_activity, page_of, written
from .connector import Connector, Gone, MessageGone
from .lanes import Lane
from .references import References

PAUSES = (10.0, 30.0, 60.0)
"""After how many seconds what nobody else would try again is."""

_KNOWN_CHATS = 1000

log = logging.getLogger("smartops.teams")

Reference = Mapping[str, Any]


class Outbox:
    """Sends replies by way of the connector."""

    def __init__(self, connector: Connector, references: References, clock: Clock) -> None:
        self._connector = connector
        self._clock = clock
        self._references = references
        self._chats: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def answer(self, message: Message, reply: Reply, replaces: str) -> str:
        """Send a reply where the message came from, and return the id of what shows it."""
        typed = not (message.action or message.shown_in)
        return await self._deliver(message.reference, written(reply), replaces, typed=typed)

    async def hint(self, message: Message) -> None:
        """Show that an answer is being written; channels have no sign for that."""
        reference = message.reference
        if reference["kind"] != "channel":
            conversation = reference["conversation"]
            async with self._connector.lanes.enter(conversation) as lane:
                await self._connector.typing(lane, reference["serviceUrl"], conversation)

    async def follow(self, message: Message, rest: list[Reply]) -> None:
        """Send the pages that follow one that was in the response."""
        await self._patiently(
            partial(self._deliver, message.reference, [page_of(part) for part in rest], "")
        )

    async def repeat(self, message: Message, reply: Reply) -> None:
        """Show to all, in the message that was pressed, what was in the response."""
        await self._patiently(partial(self.answer, message, reply, message.shown_in))

    async def speak(self, reference: Reference, reply: Reply) -> str:
        """Say something in a conversation without having been asked."""
        return await self._show(reference, written(reply), "")

    async def _deliver(
        self, reference: Reference, pages: list[Page], replaces: str, *, typed: bool = False
    ) -> str:
        """Send pages to the thread, or what is private to the one-to-one chat where that can be.

        Where the question was typed, a line then says that it was answered there.
        """
        alone = pages[0].reply.private and reference["kind"] != "personal"
        if not alone or not await self._in_private(reference, pages):
            return await self._show(reference, pages, replaces)
        if typed:
            with _besides("nothing in the thread says that the answer is in the chat"):
                await self._show(reference, [page_of(_elsewhere(reference))], replaces)
        elif replaces:
            await self._remove(reference, replaces)
        return ""  # its id is none of the conversation that the reference is to

    async def _remove(self, reference: Reference, shown: str) -> None:
        """Take away a sign of work whose answer only one person may see."""
        base, conversation = reference["serviceUrl"], reference["conversation"]
        with _besides("a sign of work could not be removed"):
            async with self._connector.lanes.enter(conversation) as lane:
                await self._connector.delete(lane, base, conversation, shown)

    async def _in_private(self, reference: Reference, pages: list[Page]) -> bool:
        """Send to the one-to-one chat; False if this person cannot be written to."""
        user, bot = reference["user"]["id"], reference["bot"]["id"]
        known = (bot, user)
        try:
            if known not in self._chats:
                await self._find_chat(reference, known)
            there = {**reference, "conversation": self._chats[known], "activity": ""}
            await self._show(there, pages, "")
        except (Gone, ValidationFailed) as error:
            log.info("a private reply is shown in its thread: %s", error)
            self._chats.pop(known, None)
            return False
        return True

    async def _find_chat(self, reference: Reference, known: tuple[str, str]) -> None:
        base, (bot, user) = reference["serviceUrl"], known
        async with self._connector.lanes.enter(user) as lane:
            chat = await self._connector.create(lane, base, bot, user, reference["tenant"])
        self._chats[known] = chat
        while len(self._chats) > _KNOWN_CHATS:
            self._chats.popitem(last=False)

    async def _show(self, reference: Reference, pages: list[Page], replaces: str) -> str:
        """Show pages one after the other; return the id of the last if it has buttons."""
        conversation = reference["conversation"]
        shown: list[str] = []
        try:
            async with self._connector.lanes.enter(conversation) as lane:
                for page in pages:
                    shown.append(await self._show_next(lane, reference, page, replaces, shown))
                    replaces = ""
        except Gone:
            with _besides("a conversation that is gone is still remembered"):
                await self._references.drop(conversation)
            raise
        except Refusal as refusal:
            if not shown:
                raise
            # The beginning is there, and would be there twice if all of it were tried again.
            raise Refusal(
                f"{refusal.message}; {len(shown)} of {len(pages)} parts arrived"
            ) from refusal
        return shown[-1] if pages[-1].reply.actions else shown[0]

    async def _show_next(
        self, lane: Lane, reference: Reference, page: Page, replaces: str, shown: list[str]
    ) -> str:
        """Show a page. What is begun is brought to its end, if the connector comes back soon."""
        show = partial(self._show_one, lane, reference, page, replaces)
        return await (self._patiently(show) if shown else show())

    async def _patiently(self, send: Callable[[], Awaitable[str]]) -> str:
        """Send what nobody else would try again; ``send`` is unavailable if nothing was sent."""
        for pause in PAUSES:
            try:
                return await send()
            except BackendUnavailable as error:
                await self._clock.sleep(max(pause, error.retry_after or 0))
        return await send()

    async def _show_one(self, lane: Lane, reference: Reference, page: Page, replaces: str) -> str:
        base, conversation = reference["serviceUrl"], reference["conversation"]
        activity = compact_json(message_activity(reference, page))
        if replaces:
            try:
                await self._connector.update(lane, base, conversation, replaces, activity)
            except MessageGone:
                log.info("the message to be changed was deleted; the reply is sent anew")
            else:
                return replaces
        if to := reference["activity"]:
            try:
                return await self._connector.reply(lane, base, conversation, to, activity)
            except MessageGone:
                log.info("the message to be answered was deleted; the reply follows it")
        return await self._connector.send(lane, base, conversation, activity)


def _elsewhere(reference: Reference) -> Reply:
    """Return the line that says where a private answer is, and nothing about it."""
    name = reference["user"]["name"]
    line = f"{name}: answered in our chat" if name else "Answered in our chat"
    return Reply.of(Text(line, style="note"))


@contextmanager
def _besides(failure: str) -> Iterator[None]:
    """Let what is done besides an answer fail alone: who sent the answer would do it again."""
    try:
        yield
    except (Refusal, ValueError) as error:  # a store that is away, or what it cannot keep
        log.warning("%s: %s", failure, error)
