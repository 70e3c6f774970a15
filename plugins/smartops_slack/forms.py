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
"""Bytes of JSON of a form in a message, where it cannot be split."""

_FLAG = (("true", "Yes"), ("false", "No"))


def button(type: str, number: int, label: str, value: str, *, style: str) -> Block:
    """Return a button; ``value`` is what a press of it sends."""
    made = {
        "type": "button",
        "action_id": button_id(type, number),
        "text": plain_text(label),
        "value": value,
    }
    return {**made, "style": style} if style else made


def inline(form: Form) -> list[Block]:
    """Return the form as blocks of a message: inputs and a button."""
    title = _title(form)
    too_long = [title, *note("This is too long for a form: type the whole command.")]
    if len(form.command) > LONGEST_VALUE or not 0 < len(form.fields) <= MOST_FIELDS:
        return too_long
    submit = button("form", 0, "Continue", form.command, style="primary")
    for selects in (True, False):
        inputs = (_input(field, selects=selects) for field in form.fields)
        whole = [title, *inputs, {"type": "actions", "elements": [submit]}]
        if json_size(whole) <= INLINE_ROOM:
            return whole
    return too_long


def dialog(form: Form, address: Address, around: list[Block], inline: str = "") -> Block | None:
    """Return the form as a dialog below the blocks ``around``; None if it is too large.

    The dialog stores the address, because its submission does not name the conversation, and
    ``inline``, the message with the same form, which the answer replaces.
    """
    stored = {
        "command": form.command,
        "channel": address.channel,
        "thread": address.thread,
        "answers": address.response_url,
        "asked": address.asked,
        "inline": inline,
    }
    metadata = dump_json(stored).decode()
    if len(metadata) > LONGEST_METADATA or not 0 < len(form.fields) <= MOST_FIELDS:
        return None
    inputs = [_input(field, selects=True, numbers=True) for field in form.fields]
    return {
        "type": "modal",
        "callback_id": FORM,
        "private_metadata": metadata,
        "title": plain_text("SmartOps"),
        "submit": plain_text("Continue"),
        "close": plain_text("Cancel"),
        "blocks": [*around, _title(form), *inputs],
    }


def _title(form: Form) -> Block:
    return rich(run(one_line(form.title) or "Something is missing."))


def _input(field: FormField, *, selects: bool, numbers: bool = False) -> Block:
    options = _options(field) if selects else []
    hint = one_line(field.hint, 150)
    if field.kind in ("choice", "flag") and not options:
        words = ", ".join(field.choices) or "true or false"
        hint = one_line(f"{hint} One of: {words}".strip(), 150)
    block: Block = {
        "type": "input",
        "block_id": f"{FIELD}{field.name}",
        "label": plain_text(one_line(field.label, 150) or field.name),
        "element": _menu(field, options) if options else _line(field, numbers=numbers),
        "optional": not field.required,
    }
    return {**block, "hint": plain_text(hint)} if hint else block


def _menu(field: FormField, options: list[Block]) -> Block:
    menu: Block = {"type": "static_select", "action_id": VALUE, "options": options}
    chosen = next((option for option in options if option["value"] == field.value), None)
    return {**menu, "initial_option": chosen} if chosen else menu


def _line(field: FormField, *, numbers: bool) -> Block:
    line: Block = {"type": "plain_text_input", "action_id": VALUE}
    if field.kind == "number" and numbers:
        line = {"type": "number_input", "action_id": VALUE, "is_decimal_allowed": True}
    value = clean(shortened(field.value, LONGEST_VALUE))
    return {**line, "initial_value": value} if value else line


def _options(field: FormField) -> list[Block]:
    """Return the options of a menu; none if a menu cannot hold them."""
    pairs = _FLAG if field.kind == "flag" else tuple((word, word) for word in field.choices)
    if field.kind not in ("choice", "flag") or len(pairs) > MOST_OPTIONS:
        return []
    if any(not 0 < len(value) <= LONGEST_OPTION or clean(value) != value for value, _ in pairs):
        return []
    return [{"text": plain_text(label), "value": value} for value, label in pairs]
