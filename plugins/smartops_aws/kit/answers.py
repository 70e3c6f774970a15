"""Reading the answers of AWS: what is broken, or does not come from AWS, is refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.parsers import ResponseParserError, ResponseParserFactory

PARSING = threading.Lock()
"""Held while an answer is parsed: the event loop waits for one thread, not for one per region."""

ERRORS = 301
"""The SDK takes a lower HTTP status for success."""

_EXCERPT = 100
_ROOT = re.compile(rb"\s*(?:<\?[^>]*>\s*)?<(\w+)")
_UNPARSED = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
"""What parsers raise; all but the first where members do not have the types of the model."""


class Unreadable(Exception):
    """An answer is broken, or does not come from AWS."""

    def __init__(self, body: bytes) -> None:
        super().__init__(f"{len(body):,} bytes that begin with {body[:_EXCERPT]!r}")


def check_answer(response_dict: Mapping[str, Any], operation_model: Any, **_: object) -> None:
    """Raise Unreadable for a successful answer that does not look like one of the operation.

    JSON is not parsed here. In a broken answer the SDK finds no member, which is noticed later.
    """
    if response_dict["status_code"] >= ERRORS:
        return
    body: bytes = response_dict["body"]
    protocol = operation_model.service_model.resolved_protocol
    if protocol in ("ec2", "query"):
        root = _ROOT.match(body)
        fits = root is not None and root[1].decode() == f"{operation_model.name}Response"
    elif protocol == "json":
        text = body.strip()
        nothing_to_say = not text and not operation_model.output_shape.members
        fits = nothing_to_say or (text.startswith(b"{") and text.endswith(b"}"))
    else:
        fits = True
    if not fits:
        raise Unreadable(body)


class Parsers(ResponseParserFactory):  # type: ignore[misc]  # untyped
    """Makes the parsers of the SDK, for one thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=_moment)

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser for a protocol."""
        return _Parser(super().create_parser(protocol_name))


class _Parser:
    """A parser of the SDK that raises Unreadable for whatever it cannot parse."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        try:
            with PARSING:
                return self._parser.parse(response, shape)
        except _UNPARSED:
            raise Unreadable(response["body"]) from None  # the error quotes the whole body


def _moment(value: Any) -> datetime:
    """Read a moment in a fortieth of the time that the SDK's own reader takes; it is in UTC."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromtimestamp(float(value), UTC)
        return datetime.fromisoformat(value).astimezone(UTC)
    return datetime.fromtimestamp(value, UTC)
