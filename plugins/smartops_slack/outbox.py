"""Replies on their way: posted, edited in place, shown to one person, or in a file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from smartops import BackendUnavailable, Clock, Message, Refusal, Reply
from smartops.channels import Form, JsonObject, text_of

from .address import Address, Shown
from .answers import Answer, Part, answer, surroundings
from .api import SlackApi
from .attachments import Attachments
from .failures import GONE, OUTSIDE, Declined
from .forms import dialog
from .responses import Responses

MOST_UNFINISHED = 1_000
RESERVE = 2
"""Uses of a response URL that progress leaves to the answer."""

log = logging.getLogger("smartops.slack")


@dataclass(frozen=True, slots=True)
class Letter:
    """A reply, made ready, and where it goes.

    ``outside`` is for whom it is where the bot is no member: a
    ``response_type``, or nothing for what is not worth a response URL.
    """

    message: Message
    address: Address
    answer: Answer
    replaces: str
    outside: str


class Outbox:
    """Delivers whole replies, each part of them once."""

    def __init__(self, api: SlackApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._responses = Responses(api, clock)
        self._attachments = Attachments(api)
        self._unfinished: OrderedDict[str, list[str]] = OrderedDict()

    async def send(self, message: Message, reply: Reply, replaces: str) -> str:
        """Deliver a reply; see ``Channel.send``."""
        address = Address.of(message)
        form = next((block for block in reply.view if isinstance(block, Form)), None)
        if form is not None and not replaces and await self._opened(address, reply, form):
            return ""
        private = reply.private and not address.direct
        if message.form and not replaces and not private:
            replaces = message.shown_in  # the form that was filled in becomes its answer
        progress = _is_progress(reply)
        if progress and self._must_wait(address, replaces):
            return replaces
        made = answer(reply, asker=address.user, asked="" if private else address.asked)
        outside = "" if progress else "ephemeral" if reply.private else "in_channel"
        letter = Letter(message, address, made, replaces, outside)
        with self._resumed(letter) as done:
            if private:
                await self._privately(letter, done)
                return ""  # only whoever presses a button in it can replace it
            return await self._publicly(letter, done)

    async def _opened(self, address: Address, reply: Reply, form: Form) -> bool:
        """Open the form as a dialog, if that is still possible; a trigger lives for seconds."""
        if not address.trigger or self._clock.time() >= address.trigger_until:
            return False
        view = dialog(form, address, surroundings(reply))
        if view is None:
            return False
        try:
            await self._api.call("views.open", trigger_id=address.trigger, view=view)
        except Refusal as error:
            log.info("a form is shown in a message instead of a dialog: %s", error)
            return False
        return True

    async def _publicly(self, letter: Letter, done: list[str]) -> str:
        """Show it where the message came from; ``done`` are the parts that are shown already."""
        address, made = letter.address, letter.answer
        thread = address.thread
        for place, part in enumerate(made.parts):
            if place >= len(done):
                edited = letter.replaces and not place and await self._edited(letter, part)
                done.append(edited or await self._posted(letter, part, thread))
            if not (thread or address.direct):
                thread = Shown.parse(done[0]).ts
        for place, file in enumerate(made.files, len(made.parts)):
            if place >= len(done):
                remark = await self._attachments.attach(address, thread, file)
                said = Part.saying(remark)
                done.append(remark and await self._posted(letter, said, thread))
        return done[made.deciding]

    async def _privately(self, letter: Letter, done: list[str]) -> None:
        """Show it to the one who asked, and take away the sign of work that everybody saw."""
        address, made = letter.address, letter.answer
        for place, part in enumerate(made.parts):
            if place >= len(done):
                done.append(await self._whispered(address, part))
        for place, file in enumerate(made.files, len(made.parts)):
            if place >= len(done):
                remark = await self._attachments.hand_over(address, file)
                done.append(remark and await self._whispered(address, Part.saying(remark)))
        if letter.replaces:
            await self._removed(Shown.parse(letter.replaces))

    async def _posted(self, letter: Letter, part: Part, thread: str) -> str:
        address, outside = letter.address, letter.outside
        more = {"thread_ts": thread} if thread else {}
        try:
            posted = await self._api.call(
                "chat.postMessage",
                channel=address.channel,
                text=part.text,
                blocks=part.blocks,
                unfurl_links=False,
                unfurl_media=False,
                **more,
            )
        except Declined as error:
            if error.error not in OUTSIDE or not outside or not self._responses.left(address):
                raise
            await self._responses.send(address, {"response_type": outside, **part.members()})
            return ""
        return _shown(posted, "ts", address)

    async def _edited(self, letter: Letter, part: Part) -> str:
        """Show the part in a message of ours; return its id, or nothing if that is gone."""
        address, replaces = letter.address, letter.replaces
        shown = Shown.parse(replaces)
        if not shown.ephemeral:
            try:
                await self._api.call(
                    "chat.update",
                    channel=shown.channel,
                    ts=shown.ts,
                    text=part.text,
                    blocks=part.blocks,
                )
            except Declined as error:
                if error.error not in GONE:
                    raise
                log.info("a message cannot be edited (%s)", error.error)
            else:
                return replaces
        if replaces != letter.message.shown_in or self._responses.left(address) <= 0:
            return ""
        try:
            await self._responses.send(address, {"replace_original": True, **part.members()})
        except Declined as error:
            log.info("a message cannot be replaced (%s)", error.error)
            return ""
        return replaces

    async def _whispered(self, address: Address, part: Part) -> str:
        """Show the part to the one who asked, in the way that is likelier to work first."""
        ways = [self._ephemeral, self._responded]
        if not address.thread and self._responses.left(address):
            ways.reverse()
        try:
            return await ways[0](address, part)
        except Declined as error:
            try:
                return await ways[1](address, part)
            except Declined:
                raise error from None  # it says more than that the other way is closed too

    async def _responded(self, address: Address, part: Part) -> str:
        body = {"response_type": "ephemeral", "replace_original": False, **part.members()}
        await self._responses.send(address, body)
        return ""

    async def _ephemeral(self, address: Address, part: Part) -> str:
        more = {"thread_ts": address.thread} if address.thread else {}
        posted = await self._api.call(
            "chat.postEphemeral",
            channel=address.channel,
            user=address.user,
            text=part.text,
            blocks=part.blocks,
            **more,
        )
        return _shown(posted, "message_ts", address, ephemeral=True)

    async def _removed(self, shown: Shown) -> None:
        """Take away a sign of work whose answer only one person may see."""
        if shown.ephemeral:
            return
        try:
            await self._api.call("chat.delete", channel=shown.channel, ts=shown.ts)
        except Declined as error:
            log.info("a sign of work could not be removed (%s)", error.error)

    def _must_wait(self, address: Address, replaces: str) -> bool:
        return Shown.parse(replaces).ephemeral and self._responses.left(address) <= RESERVE

    @contextmanager
    def _resumed(self, letter: Letter) -> Iterator[list[str]]:
        """Yield the ids of the parts that were delivered when this was tried before.

        What was delivered in part is kept in mind, so that a new try goes on where
        the old one stopped.
        """
        done = self._unfinished.pop(_key(letter), []) if self._unfinished else []
        try:
            yield done
        except BackendUnavailable:
            if done:
                self._unfinished[_key(letter)] = done
                while len(self._unfinished) > MOST_UNFINISHED:
                    self._unfinished.popitem(last=False)
            raise


def _key(letter: Letter) -> str:
    """Return what a letter is known by when it is sent again."""
    message = letter.message
    blocks = json.dumps([part.blocks for part in letter.answer.parts]).encode()
    digest = hashlib.sha256(blocks).hexdigest()
    act = (message.conversation, message.id, message.request_id, letter.replaces, digest)
    return "\0".join(act)


def _is_progress(reply: Reply) -> bool:
    return reply.status == "pending" and not reply.actions


def _shown(posted: JsonObject, member: str, address: Address, *, ephemeral: bool = False) -> str:
    channel = text_of(posted, "channel") or address.channel
    return str(Shown(channel, text_of(posted, member), ephemeral))
