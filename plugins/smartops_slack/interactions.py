"""Interactions: pressed buttons and submitted forms.

The names of our controls are made and read here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from smartops import ValidationFailed
from smartops.channels import parse_json

from .act import Act
from .address import Shown
from .origin import of_interaction
from .payload import Payload, is_direct, items, part, word
from .text import mended

PREFIX = "smartops."
FORM = f"{PREFIX}form"
FIELD = f"{PREFIX}field."
VALUE = f"{PREFIX}value"


def button_id(type: str, number: int) -> str:
    """Return the ``action_id`` of a button: what it does, and which one it is."""
    return f"{PREFIX}{type}.{number}"


def act_of(payload: Payload, max_depth: int) -> Act | str:
    """Return what somebody pressed or submitted, or why it is nothing of ours.

    Raises ValidationFailed if it does not say by whom and where.
    """
    kind = word(payload, "type")
    if kind == "block_actions":
        return _pressed(payload)
    if kind == "view_submission":
        return _submitted(payload, max_depth)
    return f"an interaction of type {kind[:40]!r}"


def _pressed(payload: Payload) -> Act | str:
    pressed = next(
        (item for item in items(payload, "actions") if word(item, "action_id").startswith(PREFIX)),
        None,
    )
    value = word(pressed, "value") if pressed else ""
    if pressed is None or not value:
        return "a control that is no button of ours"
    container, message = part(payload, "container"), part(payload, "message")
    channel = word(part(payload, "channel"), "id") or word(container, "channel_id")
    user, ts = word(part(payload, "user"), "id"), word(container, "message_ts")
    if not (user and channel and ts):
        raise ValidationFailed("The interaction does not say who pressed what, and where")
    ephemeral = container.get("is_ephemeral") is True
    thread = word(message, "thread_ts") or word(container, "thread_ts")
    kind = word(pressed, "action_id").removeprefix(PREFIX).partition(".")[0]
    decides = kind in ("confirm", "cancel")
    trigger = word(payload, "trigger_id")
    return Act(
        id=trigger or f"{ts}/{word(pressed, 'action_ts')}",
        origin=of_interaction(payload),
        user=user,
        channel=channel,
        thread=thread or ("" if ephemeral or is_direct(channel) else ts),
        text="" if decides else value,
        action=value if decides else "",
        form=_filled(part(payload, "state")) if kind == "form" else {},
        shown_in=str(Shown(channel, ts, ephemeral)),
        name=_name(payload),
        answers=word(payload, "response_url"),
        trigger=trigger,
    )


def _submitted(payload: Payload, max_depth: int) -> Act | str:
    view = part(payload, "view")
    if word(view, "callback_id") != FORM:
        return "a form that is none of ours"
    kept = parse_json(word(view, "private_metadata").encode(), max_depth)
    user, channel = word(part(payload, "user"), "id"), word(kept, "channel")
    if not (user and channel and word(view, "id")):
        raise ValidationFailed("The form does not say who filled it in, and where")
    return Act(
        id=word(view, "id"),
        origin=of_interaction(payload),
        user=user,
        channel=channel,
        thread=word(kept, "thread"),
        text=word(kept, "command"),
        form=_filled(part(view, "state")),
        name=_name(payload),
        answers=word(kept, "answers"),
        asked=word(kept, "asked"),
    )


def _filled(state: Payload) -> Mapping[str, str]:
    """Return what was filled in, by the name of the field; what was left empty is left out."""
    values = part(state, "values")
    found: dict[str, str] = {}
    for block in values:
        control = part(part(values, block), VALUE)
        value = word(control, "value") or word(part(control, "selected_option"), "value")
        if block.startswith(FIELD) and value:
            found[block.removeprefix(FIELD)] = mended(value)
    return found


def _name(payload: Payload) -> str:
    user = part(payload, "user")
    return word(user, "username") or word(user, "name")
