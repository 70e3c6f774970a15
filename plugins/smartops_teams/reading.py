"""Messages from activities. Activities that ask for nothing are only acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from smartops import Clock, Identity, Message, ValidationFailed
from smartops.channels import Receipt, object_of, text_of

from .activity import (
    CHANNEL,
    Activity,
    conversation_id,
    is_from_bot,
    place,
    reference,
    sender,
    thread,
)
from .answers import ACKNOWLEDGED, NO_ACTIVITIES, NOT_IMPLEMENTED, invoke_error, invoke_text
from .forms import filled_in
from .mentions import typed_text

CARD_ACTION = "adaptiveCard/action"
INVOKE_SECONDS = 8.0
"""How long a pressed button waits for its answer; Teams gives up after 10 to 15 seconds."""

log = logging.getLogger("smartops.teams")


class Reader:
    """Makes receipts of authenticated activities.

    ``sends`` says whether the bot can send messages besides its responses.
    """

    def __init__(self, app_id: str, clock: Clock, *, sends: bool) -> None:
        self._app_id = app_id
        self._clock = clock
        self._sends = sends

    def read(self, activity: Activity, request_id: str) -> Receipt:
        """Return the message of an activity, if it is a new message or a pressed button.

        Raises ValidationFailed if the activity has no type, or is a message without a
        conversation.
        """
        kind = text_of(activity, "type")
        if kind == "message":
            return self._message(activity, request_id)
        if kind == "invoke":
            return self._invoke(activity, request_id)
        if not kind:
            raise ValidationFailed("The activity has no type")
        event = text_of(object_of(activity, "channelData"), "eventType")
        event = event or text_of(activity, "action")
        log.info("request %s: acknowledged %.40r", request_id, f"{kind} {event}".rstrip())
        return _acknowledged(activity)

    def _message(self, activity: Activity, request_id: str) -> Receipt:
        person = self._person(activity, request_id)
        if person is None:
            return _acknowledged(activity)
        text, value = typed_text(activity), activity.get("value")
        content: Mapping[str, Any] = {"text": text}
        if isinstance(value, dict) and not text:
            content = _pressed(value, activity)
        if not content:
            log.info("request %s: ignored, not a button of SmartOps", request_id)
            return _acknowledged(activity)
        waits = _expects_replies(activity)
        answer = "replies" if waits else ""
        message = self._made(activity, request_id, person, content, answer)
        return Receipt(messages=(message,), ack=ACKNOWLEDGED, waits=waits)

    def _invoke(self, activity: Activity, request_id: str) -> Receipt:
        name = text_of(activity, "name")
        if name != CARD_ACTION:
            log.info("request %s: unknown invoke %.60r", request_id, name)
            return Receipt(ack=NOT_IMPLEMENTED)
        try:
            content = _button(activity)
            person = self._person(activity, request_id)
            if person is None:
                raise ValidationFailed("The sender is not a person of the directory")
            # The answer to a command is for everyone and comes as a message.
            is_command = "text" in content and "form" not in content and self._sends
            answer = "" if is_command else "invoke"
            message = self._made(activity, request_id, person, content, answer)
        except ValidationFailed as error:
            return Receipt(ack=invoke_error(error.message))
        if is_command:
            return Receipt(messages=(message,), ack=invoke_text("Working on it"))
        return Receipt(messages=(message,), waits=True, ack_timeout=INVOKE_SECONDS)

    def _person(self, activity: Activity, request_id: str) -> Identity | None:
        """Return the sender; None for bots and system events."""
        if is_from_bot(activity, self._app_id):
            log.info("request %s: ignored, from a bot", request_id)
            return None
        person = sender(activity)
        if person is None:
            log.info("request %s: ignored, the sender has no object id", request_id)
        return person

    def _made(
        self,
        activity: Activity,
        request_id: str,
        person: Identity,
        content: Mapping[str, Any],
        answer: str,
    ) -> Message:
        conversation = conversation_id(activity)
        if not conversation:
            raise ValidationFailed("The activity has no conversation.id")
        where = place(activity)
        id_ = text_of(activity, "id")
        return Message(
            id=id_,
            channel=CHANNEL,
            conversation=conversation,
            sender=person,
            place=where,
            at=self._clock.now(),
            request_id=request_id,
            thread=thread(conversation),
            team=where.team or where.tenant,
            sender_name=text_of(object_of(activity, "from"), "name"),
            asks=True,
            # A reply to a pressed button goes to the message that has the button.
            reference=reference(activity, answer, content.get("shown_in") or id_),
            **content,
        )


def _button(activity: Activity) -> Mapping[str, Any]:
    """Return the same as ``_pressed`` for an invoke; raises ValidationFailed."""
    value = object_of(activity, "value")
    action = object_of(value, "action")
    if action.get("type") != "Action.Execute":
        raise ValidationFailed("The invoke holds no Action.Execute")
    if value.get("trigger") == "automatic":
        raise ValidationFailed("A card that refreshes itself presses no button")
    content = _pressed(object_of(action, "data"), activity)
    if not content:
        raise ValidationFailed("The action is not one of SmartOps")
    return content


def _pressed(data: Mapping[str, Any], activity: Activity) -> Mapping[str, Any]:
    """Return the members of Message that a button sets; empty if it is not SmartOps's."""
    shown_in = text_of(activity, "replyToId")
    if action := text_of(data, "action"):
        return {"action": action, "shown_in": shown_in}
    if command := text_of(data, "command"):
        return {"text": command, "shown_in": shown_in}
    if form := text_of(data, "form"):
        return {"text": form, "shown_in": shown_in, "form": filled_in(data)}
    return {}


def _acknowledged(activity: Activity) -> Receipt:
    return Receipt(ack=NO_ACTIVITIES if _expects_replies(activity) else ACKNOWLEDGED)


def _expects_replies(activity: Activity) -> bool:
    return activity.get("deliveryMode") == "expectReplies"
