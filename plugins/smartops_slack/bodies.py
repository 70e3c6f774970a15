"""Form bodies: what slash commands and interactions come in."""

from __future__ import annotations

from urllib.parse import unquote

from smartops import ValidationFailed

MOST_FIELDS = 64


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a urlencoded form.

    Strict, because two readers of one text must not read different things into
    it: no field twice, UTF-8 only. Raises ValidationFailed, whose details name
    what is wrong.
    """
    try:
        pairs = body.decode("ascii").split("&")
        if len(pairs) > MOST_FIELDS:
            raise _malformed(f"it has more than {MOST_FIELDS} fields")
        fields: dict[str, str] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals:
                raise _malformed("a field has no value")
            name = _decoded(name)
            if name in fields:
                raise _malformed(f"the field {name[:40]!r} stands twice")
            fields[name] = _decoded(value)
    except UnicodeError:
        raise _malformed("it is not UTF-8") from None
    return fields


def _decoded(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def _malformed(details: str) -> ValidationFailed:
    return ValidationFailed("The body is no valid form.", details=details)
