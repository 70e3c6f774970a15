"""Forms for missing arguments: in a message, or as a dialog where one can be opened."""

from __future__ import annotations

from smartops.channels import Form, FormField, clean, dump_json, json_size, one_line, shortened

from .address import Address
from .interactions import FIELD, FORM, VALUE, button_id
from .richtext import Block, note, plain_text, rich, run

LONGEST_VALUE = 2000
"""Characters of a button's value."""

LONGEST_METADATA = 3000
MOST_OPTIONS = 100
LONGEST_OPTION = 75
MOST_FIELDS = 40

INLINE_ROOM = 10_000
"""Bytes of JSON that a form may take in a message, where it must stay in one piece."""

_FLAG = (("true", "Yes"), ("false", "No"))


def inline(form: Form) -> list[Block]:
    """Return the blocks that ask in a message: inputs and a button."""
    title = rich(run(one_line(form.title) or "Something is missing."))
    too_long = [title, *note("This is too long for a form: type the whole command.")]
    if len(form.command) > LONGEST_VALUE or not 0 < len(form.fields) <= MOST_FIELDS:
        return too_long
    button = {
        "type": "button",
        "action_id": button_id("form", 0),
        "text": plain_text("Continue"),
        "value": form.command,
        "style": "primary",
    }
    actions = {"type": "actions", "elements": [button]}
    for selects in (True, False):
        whole = [title, *(_input(field, selects=selects) for field in form.fields), actions]
        if json_size(whole) <= INLINE_ROOM:
            return whole
    return too_long


def dialog(form: Form, address: Address, around: list[Block]) -> Block | None:
    """Return the view that asks in a dialog; None if it cannot hold the command.

    ``around`` are the blocks of the rest of the reply. Where the answer goes is
    kept in the view, for a submitted one does not say where it was opened.
    """
    kept = {
        "command": form.command,
        "channel": address.channel,
        "thread": address.thread,
        "answers": address.response_url,
        "asked": address.asked,
    }
    metadata = dump_json(kept).decode()
    if len(metadata) > LONGEST_METADATA or not 0 < len(form.fields) <= MOST_FIELDS:
        return None
    title = rich(run(one_line(form.title) or "Something is missing."))
    inputs = [_input(field, selects=True, numbers=True) for field in form.fields]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": metadata,
        "title": plain_text("SmartOps"),
        "submit": plain_text("Continue"),
        "close": plain_text("Cancel"),
        "blocks": [*around, title, *inputs],
    }


def _input(field: FormField, *, selects: bool, numbers: bool = False) -> Block:
    label = one_line(field.label, 150) or field.name
    block: Block = {
        "type": "input",
        "block_id": f"{FIELD}{field.name}",
        "label": plain_text(label),
        "element": _control(field, selects=selects, numbers=numbers),
        "optional": not field.required,
    }
    if hint := _hint(field, selects=selects):
        block["hint"] = plain_text(hint)
    return block


def _hint(field: FormField, *, selects: bool) -> str:
    hint = one_line(field.hint, 150)
    if field.kind in ("choice", "flag") and not (selects and _options(field)):
        words = ", ".join(field.choices) or "true or false"
        hint = one_line(f"{hint} One of: {words}".strip(), 150)
    return hint


def _control(field: FormField, *, selects: bool, numbers: bool) -> Block:
    options = _options(field) if selects else ()
    if options:
        chosen = next((option for option in options if option["value"] == field.value), None)
        control: Block = {"type": "static_select", "action_id": VALUE, "options": list(options)}
        return {**control, "initial_option": chosen} if chosen else control
    control = {"type": "plain_text_input", "action_id": VALUE}
    if field.kind == "number" and numbers:
        control = {"type": "number_input", "action_id": VALUE, "is_decimal_allowed": True}
    value = clean(shortened(field.value, LONGEST_VALUE))
    return {**control, "initial_value": value} if value else control


def _options(field: FormField) -> tuple[Block, ...]:
    """Return the options of a choice; none if they do not fit into a menu."""
    pairs = _FLAG if field.kind == "flag" else tuple((word, word) for word in field.choices)
    if field.kind not in ("choice", "flag") or len(pairs) > MOST_OPTIONS:
        return ()
    if any(not 0 < len(value) <= LONGEST_OPTION or clean(value) != value for value, _ in pairs):
        return ()
    return tuple({"text": plain_text(label), "value": value} for value, label in pairs)
