"""Form bodies: what slash commands and interactions come in."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from smartops import ValidationFailed

MOST_FIELDS = 64


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a urlencoded form.

    Strict, because two readers of one text must not read different things into
    it: no field twice, UTF-8 only; names are compared as they stand, for Slack's
    need no escaping. Raises ValidationFailed, whose details name
    what is wrong.
    """
    try:
        pairs = body.decode("ascii").replace("+", " ").split("&")
        if len(pairs) > MOST_FIELDS:
            raise _malformed(f"it has more than {MOST_FIELDS} fields")
        fields: dict[str, str] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals:
                raise _malformed("a field has no value")
            if name in fields:
                raise _malformed(f"the field {name[:40]!r} stands twice")
            fields[name] = unquote_to_bytes(value).decode() if "%" in value else value
    except UnicodeError:
        raise _malformed("it is not UTF-8") from None
    return fields


def _malformed(details: str) -> ValidationFailed:
    return ValidationFailed("The body is no valid form", details=details)
