"""From an activity to messages. What is no act of a person becomes a bare acknowledgement."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smartops import Clock, Identity, Message, ValidationFailed
from smartops.channels import Receipt, object_of, text_of

from .activity import (
    CHANNEL,
    Activity,
    account,
    is_from_bot,
    kind,
    place,
    sender,
    split,
    tenants,
)
from .answers import (
    ACKNOWLEDGED,
    NO_ACTIVITIES,
    NOT_IMPLEMENTED,
    invoke_error,
    invoke_text,
)
from .forms import filled_in
from .mentions import spoken

CARD_ACTION = "adaptiveCard/action"
INVOKE_SECONDS = 8.0
"""For how long a pressed button may wait: Teams gives up after 10 to 15 seconds."""

log = logging.getLogger("smartops.teams")


@dataclass(frozen=True, slots=True)
class Said:
    """What was typed, or what the pressed button says, with what, and which message it was in."""

    text: str = ""
    action: str = ""
    shown_in: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


class Reader:
    """Makes receipts of proven activities.

    ``speaks`` says whether the bot can send, or answers in responses alone.
    """

    def __init__(self, app_id: str, clock: Clock, *, speaks: bool) -> None:
        self._app_id = app_id
        self._clock = clock
        self._speaks = speaks

    def read(self, activity: Activity, request_id: str) -> Receipt:
        """Return what an activity asks for.

        Only new messages and pressed buttons act. Edits, deletions, reactions,
        events of the conversation and whatever else Teams may send are
        acknowledged. Raises ValidationFailed if the activity has no type, or
        acts without saying in which conversation.
        """
        what = text_of(activity, "type")
        if what == "message":
            return self._message(activity, request_id)
        if what == "invoke":
            return self._invoke(activity, request_id)
        if not what:
            raise ValidationFailed("The activity has no type")
        log.info("request %s: acknowledged %.40r", request_id, _event(activity, what))
        return _acknowledged(activity)

    def _message(self, activity: Activity, request_id: str) -> Receipt:
        who = self._person(activity, request_id)
        if who is None:
            return _acknowledged(activity)
        text, value = spoken(activity), activity.get("value")
        said: Said | None = Said(text=text)
        if isinstance(value, dict) and not text:
            said = _pressed(value, activity)
        if said is None:
            log.info("request %s: ignored, submitted by no button of ours", request_id)
            return _acknowledged(activity)
        waits = _expects_replies(activity)
        message = self._act(activity, request_id, who, said, "replies" if waits else "")
        return Receipt(messages=(message,), ack=ACKNOWLEDGED, waits=waits)

    def _invoke(self, activity: Activity, request_id: str) -> Receipt:
        name = text_of(activity, "name")
        if name != CARD_ACTION:
            log.info("request %s: unknown invoke %.60r", request_id, name)
            return Receipt(ack=NOT_IMPLEMENTED)
        try:
            said = _button(activity)
            who = self._person(activity, request_id)
            if who is None:
                raise ValidationFailed("The sender is not a person of the directory")
            asks = bool(said.text) and not said.form and self._speaks
            message = self._act(activity, request_id, who, said, "" if asks else "invoke")
        except ValidationFailed as error:
            return Receipt(ack=invoke_error(error.message))
        if asks:  # what it asks for is for everybody, and follows as a message
            return Receipt(messages=(message,), ack=invoke_text("Working on it"))
        return Receipt(messages=(message,), waits=True, ack_timeout=INVOKE_SECONDS)

    def _person(self, activity: Activity, request_id: str) -> Identity | None:
        """Return who acts, or None for those who never do: bots, ourselves, the system."""
        if is_from_bot(activity, self._app_id):
            log.info("request %s: ignored, from a bot", request_id)
            return None
        who = sender(activity)
        if who is None:
            log.info("request %s: ignored, the sender has no object id", request_id)
        return who

    def _act(
        self, activity: Activity, request_id: str, who: Identity, said: Said, answer: str
    ) -> Message:
        conversation = text_of(object_of(activity, "conversation"), "id")
        if not conversation:
            raise ValidationFailed("The activity has no conversation.id")
        where = place(activity)
        return Message(
            id=text_of(activity, "id"),
            channel=CHANNEL,
            conversation=conversation,
            sender=who,
            place=where,
            at=self._clock.now(),
            request_id=request_id,
            text=said.text,
            action=said.action,
            thread=split(conversation)[1],
            team=where.team or where.tenant,
            sender_name=text_of(object_of(activity, "from"), "name"),
            shown_in=said.shown_in,
            form=said.form,
            asks=True,
            reference=_reference(activity, conversation, answer, said),
        )


def _button(activity: Activity) -> Said:
    """Return what the pressed button of an invoke says; raises ValidationFailed."""
    value = object_of(activity, "value")
    action = object_of(value, "action")
    if action.get("type") != "Action.Execute":
        raise ValidationFailed("The invoke holds no Action.Execute")
    if value.get("trigger") == "automatic":
        raise ValidationFailed("A card that refreshes itself presses no button")
    said = _pressed(object_of(action, "data"), activity)
    if said is None:
        raise ValidationFailed("The action is not one of SmartOps")
    return said


def _pressed(data: Mapping[str, Any], activity: Activity) -> Said | None:
    """Return what a button of ours says; None if it is none."""
    shown_in = text_of(activity, "replyToId")
    if action := text_of(data, "action"):
        return Said(action=action, shown_in=shown_in)
    if command := text_of(data, "command"):
        return Said(text=command, shown_in=shown_in)
    if form := text_of(data, "form"):
        return Said(text=form, shown_in=shown_in, form=filled_in(data))
    return None


def _reference(activity: Activity, conversation: str, answer: str, said: Said) -> dict[str, Any]:
    """Return what answering needs, in JSON types, for it may have to survive a restart.

    ``answer`` is how it is wanted: in the response to an invoke, as replies in
    the response, or (empty) sent to the connector. What is pressed is no message
    that could be answered; the one with the button is.
    """
    return {
        "answer": answer,
        "serviceUrl": text_of(activity, "serviceUrl"),
        "channelId": text_of(activity, "channelId"),
        "conversation": conversation,
        "kind": kind(activity),
        "tenant": next(iter(tenants(activity)), ""),
        "activity": said.shown_in or text_of(activity, "id"),
        "bot": account(object_of(activity, "recipient")),
        "user": account(object_of(activity, "from")),
    }


def _event(activity: Activity, what: str) -> str:
    detail = text_of(object_of(activity, "channelData"), "eventType") or text_of(activity, "action")
    return f"{what} {detail}" if detail else what


def _acknowledged(activity: Activity) -> Receipt:
    return Receipt(ack=NO_ACTIVITIES if _expects_replies(activity) else ACKNOWLEDGED)


def _expects_replies(activity: Activity) -> bool:
    return activity.get("deliveryMode") == "expectReplies"
