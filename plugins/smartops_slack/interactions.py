"""Interactions: pressed buttons and submitted forms, and the names of our controls."""

from __future__ import annotations

from collections.abc import Mapping

from smartops import ValidationFailed
from smartops.channels import (
    JsonObject,
    object_of,
    objects_of,
    parse_json,
    text_of,
    without_residue,
)

from .address import Origin, Posted, UserInput, is_direct

PREFIX = "smartops."
FORM = f"{PREFIX}form"
FIELD = f"{PREFIX}field."
VALUE = f"{PREFIX}value"


def button_id(type: str, number: int) -> str:
    """Return the ``action_id`` of a button: what it does, and which one it is."""
    return f"{PREFIX}{type}.{number}"


def read_interaction(payload: JsonObject, max_depth: int) -> UserInput | str:
    """Return what a person pressed or submitted, or the reason why it is ignored."""
    kind = text_of(payload, "type")
    if kind == "block_actions":
        return _pressed(payload)
    if kind == "view_submission":
        return _submitted(payload, max_depth)
    return f"an interaction of type {kind[:40]!r}"


def _pressed(payload: JsonObject) -> UserInput | str:
    controls = objects_of(payload, "actions")
    ours = (item for item in controls if text_of(item, "action_id").startswith(PREFIX))
    button: JsonObject = next(ours, {})
    value = text_of(button, "value")
    if not value:
        return "a control that is no button of ours"
    container, message = object_of(payload, "container"), object_of(payload, "message")
    channel = text_of(object_of(payload, "channel"), "id") or text_of(container, "channel_id")
    user, ts = text_of(object_of(payload, "user"), "id"), text_of(container, "message_ts")
    if not (user and channel and ts):
        raise ValidationFailed("The interaction does not say who pressed what, and where")
    ephemeral = container.get("is_ephemeral") is True
    thread = text_of(message, "thread_ts") or text_of(container, "thread_ts")
    kind = text_of(button, "action_id").removeprefix(PREFIX).partition(".")[0]
    decides = kind in ("confirm", "cancel")
    trigger = text_of(payload, "trigger_id")
    return UserInput(
        id=trigger or f"{ts}/{text_of(button, 'action_ts')}",
        origin=_origin(payload),
        user=user,
        channel=channel,
        thread=thread or ("" if ephemeral or is_direct(channel) else ts),
        text="" if decides else value,
        action=value if decides else "",
        form=_filled(object_of(payload, "state")) if kind == "form" else {},
        shown_in=str(Posted(channel, ts, ephemeral)),
        name=_name(payload),
        answers=text_of(payload, "response_url"),
        trigger=trigger,
    )


def _submitted(payload: JsonObject, max_depth: int) -> UserInput | str:
    view = object_of(payload, "view")
    if text_of(view, "callback_id") != FORM:
        return "a form that is none of ours"
    opened = parse_json(text_of(view, "private_metadata").encode(), max_depth)
    user, channel = text_of(object_of(payload, "user"), "id"), text_of(opened, "channel")
    if not (user and channel and text_of(view, "id")):
        raise ValidationFailed("The form does not say who filled it in, and where")
    return UserInput(
        id=text_of(view, "id"),
        origin=_origin(payload),
        user=user,
        channel=channel,
        thread=text_of(opened, "thread"),
        text=text_of(opened, "command"),
        form=_filled(object_of(view, "state")),
        shown_in=text_of(opened, "inline"),
        name=_name(payload),
        answers=text_of(opened, "answers"),
        asked=text_of(opened, "asked"),
    )


def _filled(state: JsonObject) -> Mapping[str, str]:
    """Return the values of a form by field name, without empty ones."""
    values = object_of(state, "values")
    found: dict[str, str] = {}
    for block in values:
        control = object_of(object_of(values, block), VALUE)
        value = text_of(control, "value") or text_of(object_of(control, "selected_option"), "value")
        if block.startswith(FIELD) and value:
            found[block.removeprefix(FIELD)] = without_residue(value)
    return found


def _name(payload: JsonObject) -> str:
    user = object_of(payload, "user")
    return text_of(user, "username") or text_of(user, "name")


def _origin(payload: JsonObject) -> Origin:
    """Return the origin of an interaction, which does not say whether the channel is shared."""
    user = object_of(payload, "user")
    team = text_of(object_of(payload, "team"), "id") or text_of(user, "team_id")
    enterprise = text_of(object_of(payload, "enterprise"), "id")
    return Origin(team, enterprise, text_of(user, "team_id"))
