"""A form as inputs of a card, and what comes back when its button is pressed.

The client puts what was filled in beside the button's own data, so the names of
inputs begin in a way that nothing else does. All of it was in the client's
hands, and passes the gate as if it had been typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smartops.channels import Form, FormField, clean, shortened

from .text import Element

PREFIX = "field:"
_LONGEST_LABEL = 200
_LONGEST_VALUE = 2000
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,9})?", re.ASCII)
_KINDS = {
    "flag": "Input.Toggle",
    "choice": "Input.ChoiceSet",
    "number": "Input.Number",
    "text": "Input.Text",
}


def form_input(field: FormField) -> Element:
    """Return the input for one value."""
    label = clean(shortened(field.label, _LONGEST_LABEL))
    made: Element = {"type": _KINDS[field.kind], "id": PREFIX + field.name}
    if field.kind == "flag":
        return {**made, "title": label, "value": "true" if field.value == "true" else "false"}
    made["label"] = label
    if field.required:
        made |= {"isRequired": True, "errorMessage": f"{label} is needed."}
    value = _number(field.value) if field.kind == "number" else field.value or None
    if value is not None:
        made["value"] = value
    if field.kind == "choice":
        choices = [{"title": clean(choice), "value": choice} for choice in field.choices]
        made |= {"style": "compact", "choices": choices}
    elif field.hint:
        made["placeholder"] = clean(shortened(field.hint, _LONGEST_LABEL))
    return made


def form_button(form: Form) -> Element:
    """Return the button that sends a form; old clients send it as a message."""
    shared = {"title": "Continue", "data": {"form": form.command}, "style": "positive"}
    fallback = {"type": "Action.Submit", **shared}
    return {"type": "Action.Execute", "verb": "form", **shared, "fallback": fallback}


def filled_in(data: Mapping[str, Any]) -> dict[str, str]:
    """Return what was filled in, by name; what was left empty is left out."""
    given = {
        name.removeprefix(PREFIX): _text(value)
        for name, value in data.items()
        if name.startswith(PREFIX)
    }
    return {name: text for name, text in given.items() if text}


def _text(value: object) -> str:
    """Return a value as it would be typed; numbers and flags may come as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return value.strip()[:_LONGEST_VALUE] if isinstance(value, str) else ""


def _number(text: str) -> int | float | None:
    """Return the number that a text is; None if a card could not show it as it is."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
