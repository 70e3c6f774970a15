"""Command documents: the two that everybody has, and those of the account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .answers import AwsError
from .scenario import Document, DocumentParameter

_OWN = {
    "AWS-RunShellScript": Document(name="AWS-RunShellScript", platforms=("linux",), script=""),
    "AWS-RunPowerShellScript": Document(
        name="AWS-RunPowerShellScript", platforms=("windows", "linux"), script=""
    ),
}
_OWN_PARAMETERS = ("commands", "workingDirectory", "executionTimeout")
_TIMEOUT = "executionTimeout"
_HOUR = "3600"


def find(documents: Sequence[Document], name: str) -> Document:
    """Return a document by its name or ARN; raises AwsError if there is none."""
    plain = name.rsplit("document/", 1)[-1]
    found = _OWN.get(plain) or next((each for each in documents if each.name == plain), None)
    if found is None:
        raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")
    return found


def script(document: Document, given: Mapping[str, Sequence[str]]) -> tuple[str, float]:
    """Return the text that is run, and how many seconds it may take.

    Raises AwsError if the document does not take these parameters.
    """
    if document.name in _OWN:
        _check_names(document.name, given, _OWN_PARAMETERS)
        if not given.get("commands"):
            raise _wrong("Missing required parameter: commands")
        return "\n".join(given["commands"]), _limit(given)
    _check_names(document.name, given, (*document.parameters, _TIMEOUT))
    values = {
        name: _value(name, parameter, given.get(name))
        for name, parameter in document.parameters.items()
    }
    text = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), document.script)
    return text, _limit(given)


def _check_names(document: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise _wrong(f"Parameter {name} is not defined in the document {document}")


def _value(name: str, parameter: DocumentParameter, given: Sequence[str] | None) -> str:
    if given is None:
        if parameter.default is None:
            raise _wrong(f"Missing required parameter: {name}")
        return parameter.default
    if len(given) != 1:
        raise _wrong(f"Parameter {name} takes one value")
    (value,) = given
    if parameter.values and value not in parameter.values:
        raise _wrong(f"Parameter {name} has a value that is not in allowedValues: {value}")
    if parameter.pattern and not re.search(parameter.pattern, value):
        raise _wrong(
            f"Parameter {name} value '{value}' does not match pattern '{parameter.pattern}'"
        )
    return value


def _limit(given: Mapping[str, Sequence[str]]) -> float:
    (text,) = given.get(_TIMEOUT, [_HOUR]) or [_HOUR]
    if not text.isdecimal() or not 1 <= int(text) <= 172_800:
        raise _wrong(f"Parameter {_TIMEOUT} is out of bounds: {text}")
    return float(text)


def _wrong(text: str) -> AwsError:
    return AwsError("InvalidParameters", text)
