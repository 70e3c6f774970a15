"""The JSON of the wire contract: a strict parser, and the envelope of a reply."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any, NoReturn

from .errors import Refusal, ValidationFailed
from .jsonable import jsonable, timestamp
from .render import plain
from .reply import Reply

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_JSON = "The body is not valid JSON."


def parse_json(body: bytes, max_depth: int = 32) -> dict[str, Any]:
    """Parse ``body`` as a JSON object.

    Stricter than the standard library, so that no two parsers can interpret a
    body differently: UTF-8 only, no duplicate members, no NaN or Infinity, no
    number out of the range of a double, no lone surrogate, and objects and arrays
    nested at most ``max_depth`` deep.

    Raises ValidationFailed, whose details name the position.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    except ValueError:
        raise _malformed("a number is too long") from None
    if not isinstance(value, dict):
        raise _malformed("it must be an object")
    # The count is an upper bound of the depth, because strings may contain brackets.
    if body.count(b"{") + body.count(b"[") > max_depth:
        _check_depth(value, max_depth)
    if b"\\u" in body and _SURROGATE.search(body):
        _check_surrogates(value)
    return value


def dump_json(document: Any) -> bytes:
    """Return compact JSON in UTF-8.

    Beyond the JSON types it accepts datetimes (RFC 3339, UTC), dates, timedeltas
    (in seconds), dataclasses, mappings and sets. Raises ValueError for NaN and
    Infinity, TypeError for other types.
    """
    return _ENCODER.encode(document).encode("utf-8", "replace")


def envelope(reply: Reply, at: datetime) -> dict[str, Any]:
    """Return the envelope of a reply, for :func:`dump_json`.

    The envelope sets ``message``, ``attachments`` and ``actions`` in ``data``;
    the reply's data cannot override them.
    """
    if reply.error is not None:
        document: dict[str, Any] = {"status": "error", "error": _error(reply.error)}
    else:
        data = {"message": "", "attachments": [], "actions": [], **reply.data}
        data["message"] = plain(reply)
        data["attachments"] = []
        data["actions"] = [
            {"type": action.type, "label": action.label, "action": action.value}
            for action in reply.actions
        ]
        document = {"status": reply.status, "data": data}
    document["timestamp"] = timestamp(at)
    document["request_id"] = reply.request_id
    return document


def _error(error: Refusal) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details is not None:
        body["details"] = error.details
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    return body


def _malformed(details: str) -> ValidationFailed:
    return ValidationFailed(_NOT_JSON, details=details)


def _too_deep(max_depth: int) -> ValidationFailed:
    return _malformed(f"it nests deeper than {max_depth} levels")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _malformed(f"the member {name[:40]!r} appears twice")
            seen.add(name)
    return members


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a number")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _malformed(f"the number {text[:40]} is too large")
    return value


def _check_depth(value: Any, max_depth: int) -> None:
    level = [value]
    for _ in range(max_depth):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep(max_depth)


def _check_surrogates(value: Any) -> None:
    try:
        _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed("a string holds half of a surrogate pair") from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_constant, parse_float=_number
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=jsonable
)
