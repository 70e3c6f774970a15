"""Form bodies: what slash commands and interactions come in."""

from __future__ import annotations

from urllib.parse import parse_qsl

from smartops import ValidationFailed

MOST_FIELDS = 64


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a urlencoded form.

    Strict, because two readers of one text must not read different things into
    it: no field twice, UTF-8 only. Raises ValidationFailed, whose details name what
    is wrong.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise _malformed(f"it is not at most {MOST_FIELDS} fields in UTF-8") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _malformed("a field stands twice")
    return fields


def _malformed(details: str) -> ValidationFailed:
    return ValidationFailed("The body is no valid form", details=details)
