"""The channel: interactions in, edits of the deferred reply and follow-ups out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smartops import Clock, Identity, Message, Reply, ValidationFailed
from smartops.channels import (
    Channel,
    Claims,
    Inbound,
    JsonObject,
    Place,
    Receipt,
    Response,
    Unfinished,
    object_of,
    objects_of,
    parse_json,
    text_of,
    without_residue,
)

from .content import EPHEMERAL, messages
from .rest import ORIGINAL, Rest, Target
from .signature import SIGNATURE, Signature

PING, COMMAND, COMPONENT = 1, 2, 3
PONG, DEFERRED, DEFERRED_UPDATE = 1, 5, 6


class Discord(Channel):
    """The interactions of one application."""

    name = "discord"

    def __init__(self, signature: Signature, rest: Rest, clock: Clock) -> None:
        self._signature = signature
        self._rest = rest
        self._clock = clock
        self._unfinished = Unfinished()

    def recognises(self, inbound: Inbound) -> bool:
        """Whether the request has Discord's signature."""
        try:
            return inbound.headers.get(SIGNATURE) is not None
        except ValidationFailed:  # a repeated header: it is for this channel, and refused
            return True

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Check the signature; the body then names the sender."""
        self._signature.check(inbound)
        return Claims(None)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Return the message of an interaction, and defer the reply."""
        body = object_of({"it": parse_json(inbound.body)}, "it")
        kind, data = body.get("type"), object_of(body, "data")
        if kind == PING:
            return Receipt(ack=_ack(PONG))
        if kind == COMMAND:
            typed = "".join(text_of(item, "value") for item in objects_of(data, "options"))
            return Receipt(
                (self._message(inbound, body, text=without_residue(typed)),), _ack(DEFERRED)
            )
        if kind != COMPONENT:
            raise ValidationFailed("This kind of interaction is not known")
        button, _, value = text_of(data, "custom_id").partition(":")
        if button == "command":  # its answer is a message of its own
            return Receipt((self._message(inbound, body, text=value),), _ack(DEFERRED))
        shown = text_of(object_of(body, "message"), "id")
        pressed = self._message(inbound, body, action=value, shown_in=shown)
        return Receipt((pressed,), _ack(DEFERRED_UPDATE))

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Edit the deferred reply, or the message that is replaced; more parts follow."""
        target = Target(str(message.short_lived.get("token", "")), message.place.room)
        first, *more = messages(reply)
        if reply.private:
            return await self._send_privately(message, target, (first, *more), replaces)
        with self._unfinished.resumed(message.id, replaces, first, more) as delivered:
            if not delivered:
                where = self._where(message, target, replaces)
                delivered.append(
                    await self._rest.edit(target, where, first)
                    if where
                    else await self._rest.follow(target, first)
                )
            for part in more[len(delivered) - 1 :]:
                delivered.append(await self._rest.follow(target, part))
            return delivered[0]

    async def _send_privately(
        self, message: Message, target: Target, parts: tuple[dict[str, Any], ...], replaces: str
    ) -> str:
        """Show it to the sender alone, and take the deferred reply away."""
        with self._unfinished.resumed(message.id, "private", parts) as delivered:
            for part in parts[len(delivered) :]:
                sent = await self._rest.follow(target, {**part, "flags": EPHEMERAL})
                delivered.append(sent)
        if replaces or not message.shown_in:
            await self._rest.delete(target, self._where(message, target, replaces))
        return ""

    def _where(self, message: Message, target: Target, replaces: str) -> str:
        """Return which message to edit; empty for a new one."""
        if not target.token:
            return replaces
        return ORIGINAL if replaces in ("", message.shown_in) else replaces

    def _message(self, inbound: Inbound, body: JsonObject, **content: Any) -> Message:
        sender = object_of(object_of(body, "member"), "user") or object_of(body, "user")
        user, guild = text_of(sender, "id"), text_of(body, "guild_id")
        channel, id_ = text_of(body, "channel_id"), text_of(body, "id")
        if not (user and channel and id_):
            raise ValidationFailed("The interaction has no sender, channel or id")
        tokens: Mapping[str, str] = {"token": text_of(body, "token")}
        return Message(
            id=id_,
            channel=self.name,
            conversation=channel,
            sender=Identity(self.name, "", user),
            place=Place(self.name, team=guild, room=channel),
            at=self._clock.now(),
            request_id=inbound.request_id,
            team=guild,
            sender_name=text_of(sender, "username"),
            short_lived=tokens,
            asks=True,
            **content,
        )


def _ack(kind: int) -> Response:
    return Response(body=json.dumps({"type": kind}).encode())
