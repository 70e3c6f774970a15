"""Delivery of replies: to the right conversation, in order, and complete."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from cachetools import LRUCache

from smartops import Message, Refusal, Reply, Text, ValidationFailed
from smartops.channels import Unfinished

from .answers import message_activity
from .cards import card
from .connector import Connector, Conversation, Gone, MessageGone
from .pages import cards
from .text import Element

log = logging.getLogger("smartops.teams")

Reference = Mapping[str, Any]


class Outbox:
    """Sends replies by way of the connector."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._chats: LRUCache[tuple[str, str], str] = LRUCache(1000)
        self._unfinished = Unfinished()

    async def send(self, message: Message, reply: Reply, replaces: str) -> str:
        """Send a reply where the message came from; see ``Channel.send``."""
        return await self._deliver(message, cards(reply), replaces, private=reply.private)

    async def follow(self, message: Message, reply: Reply) -> None:
        """Send what the response to a pressed button did not contain.

        What a form leads to, or its cancellation, replaces the form for all; of other
        replies the first card was in the response.
        """
        made = cards(reply)
        if (message.form or message.action) and not reply.private:
            await self._deliver(message, made, message.shown_in, private=False)
        elif rest := made[1:]:
            await self._deliver(message, rest, "", private=reply.private)

    async def post(self, reference: Reference, reply: Reply) -> None:
        """Send a message that answers nothing."""
        await self._post(reference, cards(reply))

    async def hint(self, message: Message) -> None:
        """Show that the bot is typing; channels have no indicator for that."""
        if message.reference["kind"] != "channel":
            async with self._talk(message.reference) as conversation:
                await conversation.typing()

    async def _deliver(
        self, message: Message, made: Sequence[Element], replaces: str, *, private: bool
    ) -> str:
        """Send cards to the thread; private ones to the one-to-one chat if there is one.

        If the question was typed, a line in the thread then says where the answer is.
        """
        reference = message.reference
        in_chat = private and reference["kind"] != "personal"
        if not in_chat or not await self._post_in_chat(reference, made):
            return await self._post(reference, made, replaces)
        if not (message.action or message.shown_in):
            with _logged("nothing in the thread says that the answer is in the chat"):
                await self._post(reference, [card(_elsewhere(reference))], replaces)
        elif replaces:
            with _logged("a progress message could not be removed"):
                async with self._talk(reference) as conversation:
                    await conversation.delete(replaces)
        return ""  # the id of a message in another conversation is of no use to the caller

    async def _post_in_chat(self, reference: Reference, made: Sequence[Element]) -> bool:
        """Send to the one-to-one chat; return False if the person cannot be reached there."""
        bot, user = key = (reference["bot"]["id"], reference["user"]["id"])
        try:
            if key not in self._chats:
                async with self._connector.conversation(reference["serviceUrl"], user) as new:
                    self._chats[key] = await new.create(bot, user, reference["tenant"])
            chat = {**reference, "conversation": self._chats[key], "activity": ""}
            await self._post(chat, made)
        except (Gone, ValidationFailed) as error:
            log.info("a private reply is sent to its thread: %s", error)
            self._chats.pop(key, None)
            return False
        return True

    async def _post(self, reference: Reference, made: Sequence[Element], replaces: str = "") -> str:
        """Send cards one after the other; return the id of the one with the buttons, or the first.

        A retry continues after the cards that were delivered.
        """
        with self._unfinished.resumed(reference, replaces, made) as delivered:
            async with self._talk(reference) as conversation:
                for each in made[len(delivered) :]:
                    activity = message_activity(reference, each)
                    first = replaces if not delivered else ""
                    delivered.append(await _post_one(conversation, activity, first))
            return delivered[-1 if "actions" in made[-1] else 0]

    def _talk(self, reference: Reference) -> AbstractAsyncContextManager[Conversation]:
        return self._connector.conversation(reference["serviceUrl"], reference["conversation"])


async def _post_one(conversation: Conversation, activity: dict[str, Any], replaces: str) -> str:
    if replaces:
        try:
            await conversation.update(replaces, activity)
        except MessageGone:
            log.info("the message to be changed was deleted; the reply is sent again")
        else:
            return replaces
    if to := activity.get("replyToId"):
        try:
            return await conversation.reply(to, activity)
        except MessageGone:
            log.info("the message to be answered was deleted; the reply follows it")
    return await conversation.send(activity)


def _elsewhere(reference: Reference) -> Reply:
    """Return the line that says where a private answer is."""
    name = reference["user"]["name"]
    line = f"{name}: answered in our chat" if name else "Answered in our chat"
    return Reply.of(Text(line, style="note"))


@contextmanager
def _logged(failure: str) -> Iterator[None]:
    """Log a refusal of what is done after an answer, so that the answer is not sent again."""
    try:
        yield
    except Refusal as error:
        log.warning("%s: %s", failure, error)
