"""A form as inputs of a card, and the values that come back when its button is pressed.

The client returns the values beside the button's own data, so the names of inputs
have a prefix. A client can change everything, and the values pass the gate like
typed text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smartops.channels import Form, FormField, clean

from .text import Element, cut

_PREFIX = "field:"
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
    label = cut(field.label, _LONGEST_LABEL)
    made: Element = {"type": _KINDS[field.kind], "id": _PREFIX + field.name}
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
        made["placeholder"] = cut(field.hint, _LONGEST_LABEL)
    return made


def form_button(form: Form) -> Element:
    """Return the button that submits a form; old clients submit it as a message."""
    shared = {"title": "Continue", "data": {"form": form.command}, "style": "positive"}
    fallback = {"type": "Action.Submit", **shared}
    return {"type": "Action.Execute", "verb": "form", **shared, "fallback": fallback}


def filled_in(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the values by name, without empty ones."""
    given = {
        name.removeprefix(_PREFIX): _typed(value)
        for name, value in data.items()
        if name.startswith(_PREFIX)
    }
    return {name: text for name, text in given.items() if text}


def _typed(value: object) -> str:
    """Return a value as a person would type it; clients may send numbers and flags as such."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return value.strip()[:_LONGEST_VALUE] if isinstance(value, str) else ""


def _number(text: str) -> int | float | None:
    """Return the number in a text; None if a card could not display it exactly."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)
