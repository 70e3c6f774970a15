"""A form as inputs of a card, and what comes back when its button is pressed.

The client puts what was filled in beside the button's own data, so the names of
inputs begin in a way that nothing else does. All of it was in the client's
hands, and passes the gate as if it had been typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smartops.channels import Form, FormField, clean

from .text import quote, shortened

PREFIX = "field:"
_LONGEST_LABEL = 200
_LONGEST_VALUE = 2000


def form_input(field: FormField) -> str:
    """Return the input for one value."""
    label = clean(shortened(field.label, _LONGEST_LABEL))
    members = [f'"id":{quote(PREFIX + field.name)}']
    if field.kind == "flag":
        value = "true" if field.value == "true" else "false"
        members.append(f'"title":{quote(label)},"value":"{value}"')
        return f'{{"type":"Input.Toggle",{",".join(members)}}}'
    members.append(f'"label":{quote(label)}')
    if field.required:
        problem = f"{label} is needed."
        members.append(f'"isRequired":true,"errorMessage":{quote(problem)}')
    if field.value and not (field.kind == "number" and not _is_number(field.value)):
        value = field.value if field.kind == "number" else quote(field.value)
        members.append(f'"value":{value}')
    if field.hint and field.kind != "choice":
        members.append(f'"placeholder":{quote(clean(shortened(field.hint, _LONGEST_LABEL)))}')
    if field.kind == "choice":
        choices = ",".join(
            f'{{"title":{quote(clean(choice))},"value":{quote(choice)}}}'
            for choice in field.choices
        )
        members.append(f'"style":"compact","choices":[{choices}]')
        return f'{{"type":"Input.ChoiceSet",{",".join(members)}}}'
    kind = "Number" if field.kind == "number" else "Text"
    return f'{{"type":"Input.{kind}",{",".join(members)}}}'


def form_button(form: Form) -> str:
    """Return the button that sends a form; old clients send it as a message."""
    shared = f'"title":"Continue","data":{{"form":{quote(form.command)}}},"style":"positive"'
    return (
        f'{{"type":"Action.Execute","verb":"form",{shared},'
        f'"fallback":{{"type":"Action.Submit",{shared}}}}}'
    )


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


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit() and digits[0] != "0" and text[-1] != "."
