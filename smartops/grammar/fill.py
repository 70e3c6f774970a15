"""Arguments that come one by one, from a form or an answer, instead of in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smartops.command import Command, Parameter
from smartops.errors import ValidationFailed

from .bind import reader

_COMMA = re.compile(r"\s*[,\n]\s*")


def filled(
    command: Command, arguments: Mapping[str, Any], values: Mapping[str, str]
) -> dict[str, Any]:
    """Return the arguments with the values bound to their parameters.

    An empty value leaves its parameter as it is. Raises ValidationFailed for a
    value that cannot be read; names the command does not have are left out.
    """
    known = {parameter.name: parameter for parameter in command.parameters}
    bound = dict(arguments)
    for name, value in values.items():
        if name in known and value.strip():
            bound[name] = _bound(known[name], value)
    return bound


def _bound(parameter: Parameter, value: str) -> Any:
    read = reader(parameter)
    try:
        if parameter.many:
            return tuple(read(piece) for piece in _COMMA.split(value.strip()) if piece)
        return read(value.strip())
    except ValueError as error:
        raise ValidationFailed(
            f"{value[:40]!r} cannot be {parameter.option}", details=str(error).capitalize()
        ) from None
