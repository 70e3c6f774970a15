"""Delivery of replies: posted, edited in place, ephemeral, or attached as files."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops import BackendUnavailable, Clock, Message, Refusal, Reply
from smartops.channels import Form, Unfinished, object_of, text_of

from .address import Address, Posted
from .api import SlackApi
from .blocks import File
from .failures import GONE, OUTSIDE, Declined
from .forms import dialog
from .rendering import Body, Rendered, beside_form, render

log = logging.getLogger("smartops.slack")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A rendered reply and where it goes.

    ``response_type`` is used where the bot is not a member; it is empty for progress,
    because a response URL takes only five answers.
    """

    message: Message
    address: Address
    rendered: Rendered
    replaces: str
    response_type: str

    def thread(self, done: Sequence[str]) -> str:
        """Return the thread of the next message: a long answer continues below its first one."""
        if self.address.thread or self.address.direct or not done:
            return self.address.thread
        return Posted.parse(done[0]).ts


Post = Callable[[Delivery, Body, list[str]], Awaitable[str]]
Attach = Callable[[Delivery, File, list[str]], Awaitable[str]]


class Outbox:
    """Delivers whole replies, each message and file of them once."""

    def __init__(self, api: SlackApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._unfinished = Unfinished()

    async def send(self, message: Message, reply: Reply, replaces: str) -> str:
        """Deliver a reply; see ``Channel.send``."""
        address = Address.of(message)
        form = next((block for block in reply.view if isinstance(block, Form)), None)
        if form is not None and not replaces and await self._opened(message, reply, form):
            return ""
        private = reply.private and not address.direct
        if (message.form or message.action) and not replaces and not private:
            replaces = message.shown_in  # the form becomes its answer
        progress = reply.status == "pending" and not reply.actions
        if progress and Posted.parse(replaces).ephemeral:
            return replaces
        rendered = render(reply, asker=address.user, asked="" if private else address.asked)
        response_type = "" if progress else "ephemeral" if reply.private else "in_channel"
        delivery = Delivery(message, address, rendered, replaces, response_type)
        key = (message.conversation, message.id, message.request_id, replaces)
        blocks = [body.blocks for body in rendered.bodies]
        with self._unfinished.resumed(*key, blocks) as done:
            if not private:
                await self._deliver(delivery, done, self._post_publicly, self._attach)
                return done[rendered.deciding]
            await self._deliver(delivery, done, self._post_privately, self._hand_over)
            await self._delete_progress(Posted.parse(replaces))
            return ""  # only a press of its own buttons can edit an ephemeral message

    async def _opened(self, message: Message, reply: Reply, form: Form) -> bool:
        """Open the form as a dialog if the trigger is still valid."""
        address = Address.of(message)
        if not address.trigger or self._clock.time() >= address.trigger_until:
            return False
        inline = message.shown_in if message.text == form.command else ""
        view = dialog(form, address, beside_form(reply), inline)
        if view is None:
            return False
        try:
            await self._api.call("views.open", trigger_id=address.trigger, view=view)
        except Refusal as error:
            log.info("a form is posted in a message instead of a dialog: %s", error)
            return False
        return True

    async def _deliver(
        self, delivery: Delivery, done: list[str], post: Post, attach: Attach
    ) -> None:
        """Post the messages and files that are not yet in ``done``, the ids of what is posted."""
        rendered = delivery.rendered
        parts: list[Body | File] = [*rendered.bodies, *rendered.files]
        for part in parts[len(done) :]:
            if isinstance(part, Body):
                posted = await post(delivery, part, done)
            else:
                remark = await attach(delivery, part, done)
                posted = remark and await post(delivery, Body.warning(remark), done)
            done.append(posted)

    async def _post_publicly(self, delivery: Delivery, body: Body, done: list[str]) -> str:
        if delivery.replaces and not done and (edited := await self._edited(delivery, body)):
            return edited
        address, response_type = delivery.address, delivery.response_type
        try:
            posted = await self._api.call(
                "chat.postMessage",
                channel=address.channel,
                unfurl_links=False,
                unfurl_media=False,
                **body.members(),
                **_in_thread(delivery.thread(done)),
            )
        except Declined as error:
            if error.error not in OUTSIDE or not response_type or not self._can_respond(address):
                raise
            await self._respond(address, body, response_type=response_type)
            return ""
        return str(Posted(text_of(posted, "channel") or address.channel, text_of(posted, "ts")))

    async def _edited(self, delivery: Delivery, body: Body) -> str:
        """Edit the message that is replaced; return its id, or nothing if it is gone."""
        address, replaces = delivery.address, delivery.replaces
        posted = Posted.parse(replaces)
        if not posted.ephemeral:
            try:
                await self._api.call(
                    "chat.update", channel=posted.channel, ts=posted.ts, **body.members()
                )
            except Declined as error:
                if error.error not in GONE:
                    raise
                log.info("a message cannot be edited (%s)", error.error)
            else:
                return replaces
        pressed_there = replaces == delivery.message.shown_in
        if not (pressed_there and delivery.response_type and self._can_respond(address)):
            return ""
        try:
            await self._respond(address, body, replace_original=True)
        except Declined as error:
            log.info("a message cannot be replaced (%s)", error.error)
            return ""
        return replaces

    async def _post_privately(self, delivery: Delivery, body: Body, done: list[str]) -> str:
        """Post to the person alone, by the route that is likelier to work first."""
        address = delivery.address
        routes = [self._post_ephemeral, self._respond_ephemeral]
        if not address.thread and self._can_respond(address):
            routes.reverse()
        try:
            return await routes[0](address, body)
        except Declined as error:
            try:
                return await routes[1](address, body)
            except Declined:
                raise error from None  # it says why; the second only that it is no way out

    async def _post_ephemeral(self, address: Address, body: Body) -> str:
        posted = await self._api.call(
            "chat.postEphemeral",
            channel=address.channel,
            user=address.user,
            **body.members(),
            **_in_thread(address.thread),
        )
        channel = text_of(posted, "channel") or address.channel
        return str(Posted(channel, text_of(posted, "message_ts"), ephemeral=True))

    async def _respond_ephemeral(self, address: Address, body: Body) -> str:
        await self._respond(address, body, response_type="ephemeral", replace_original=False)
        return ""

    def _can_respond(self, address: Address) -> bool:
        return bool(address.response_url) and self._clock.time() < address.response_until

    async def _respond(self, address: Address, body: Body, **more: Any) -> None:
        """Answer by the response URL, which takes five answers and then declines."""
        if not self._can_respond(address):
            raise Declined("response_url", "expired_url")
        await self._api.respond(address.response_url, {**more, **body.members()})

    async def _delete_progress(self, posted: Posted) -> None:
        """Delete the progress that everybody saw, when the answer is for one person."""
        if posted.ephemeral or not posted.ts:
            return
        try:
            await self._api.call("chat.delete", channel=posted.channel, ts=posted.ts)
        except Declined as error:
            log.info("a progress message could not be deleted (%s)", error.error)

    async def _attach(self, delivery: Delivery, file: File, done: list[str]) -> str:
        """Share a file where the answer is; return a remark if it is not there.

        Where the bot is not a member, the person gets it in a direct message.
        """
        try:
            await self._shared(file, delivery.address.channel, delivery.thread(done))
        except Declined as error:
            if error.error not in OUTSIDE:
                return _not_attached(file, error)
        else:
            return ""
        failure = await self._hand_over(delivery, file, done)
        return failure or f"You have {file.name} in a direct message."

    async def _hand_over(self, delivery: Delivery, file: File, done: list[str]) -> str:
        """Share a file with the person alone; return a remark if that failed."""
        try:
            opened = await self._api.call("conversations.open", users=delivery.address.user)
            await self._shared(file, text_of(object_of(opened, "channel"), "id"), "")
        except Declined as error:
            return _not_attached(file, error)
        return ""

    async def _shared(self, file: File, channel: str, thread: str) -> None:
        """Upload a file and share it, in Slack's three steps."""
        place = await self._api.call(
            "files.getUploadURLExternal", filename=file.name, length=len(file.content)
        )
        url, file_id = text_of(place, "upload_url"), text_of(place, "file_id")
        if not (url and file_id):
            raise BackendUnavailable("Slack offered no place for a file")
        await self._api.upload(url, file.content)
        await self._api.call(
            "files.completeUploadExternal",
            files=[{"id": file_id, "title": file.title}],
            channel_id=channel,
            **_in_thread(thread),
        )


def _in_thread(thread: str) -> Mapping[str, Any]:
    return {"thread_ts": thread} if thread else {}


def _not_attached(file: File, error: Declined) -> str:
    log.error("the file %s cannot be attached: %s", file.name, error)
    return f"The file {file.name} could not be attached. {error.message}. {error.details or ''}"
