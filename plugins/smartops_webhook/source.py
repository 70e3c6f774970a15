"""Reading events from any JSON by the expressions of the configuration."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from jmespath.exceptions import JMESPathError

from smartops import Clock, ValidationFailed
from smartops.channels import (
    Event,
    EventSource,
    Inbound,
    check_bearer,
    check_hmac,
    header,
    parse_json,
    unproven,
)

from .config import WebhookConfig, key_of

LEEWAY = 300
"""Seconds that the timestamp of Standard Webhooks may differ from our clock."""

_MILLISECONDS = 100_000_000_000
"""Numbers from here on are milliseconds since 1970: as seconds they are after the year 5000."""


class Webhook(EventSource):
    """The webhook under ``/hooks/NAME``."""

    def __init__(self, name: str, config: WebhookConfig, clock: Clock, max_depth: int) -> None:
        self.name = name
        self._config = config
        self._clock = clock
        self._max_depth = max_depth

    async def authenticate(self, inbound: Inbound) -> None:
        """Authenticate a request by the configured proof."""
        secrets = self._config.secret
        match self._config.proof:
            case "bearer":
                check_bearer(inbound, secrets)
            case "github":
                given = [header(inbound, "x-hub-signature-256")]
                keys = [secret.reveal().encode() for secret in secrets]
                check_hmac(inbound, given, keys, inbound.body, lambda it: f"sha256={it.hex()}")
            case "standard":
                self._check_standard(inbound)

    def _check_standard(self, inbound: Inbound) -> None:
        """Check a signature of Standard Webhooks: version 1 of its specification, HMAC."""
        sent, timestamp = header(inbound, "webhook-id"), header(inbound, "webhook-timestamp")
        if not (sent and timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise unproven(inbound, "webhook-id or webhook-timestamp is missing or malformed")
        if abs(self._clock.time() - int(timestamp)) > LEEWAY:
            raise unproven(inbound, "webhook-timestamp is too old or in the future")
        signed = b"%b.%b.%b" % (sent.encode("latin-1"), timestamp.encode(), inbound.body)
        given = header(inbound, "webhook-signature").split(" ")
        keys = [key_of(secret) for secret in self._config.secret]
        check_hmac(inbound, given, keys, signed, lambda it: f"v1,{base64.b64encode(it).decode()}")

    async def read(self, inbound: Inbound) -> Sequence[Event]:
        """Return the events in a request; those with another status are left out."""
        found = _search(self._config.each, parse_json(inbound.body, self._max_depth))
        items = found if isinstance(found, list) else [found]
        events = [self._event(item) for item in items if item is not None]
        return [event for event in events if event is not None]

    def _event(self, item: Any) -> Event | None:
        config = self._config
        status = _text(config.status, item)
        known: Literal["firing", "resolved"]
        match status:
            case "firing":
                known = "firing"
            case "resolved":
                known = "resolved"
            case _:
                return None
        fingerprint = _text(config.fingerprint, item)
        if not fingerprint:
            raise ValidationFailed("An event has no fingerprint: the expression found nothing")
        return Event(
            fingerprint=fingerprint,
            status=known,
            title=_text(config.title, item) or fingerprint,
            started=_time(_search(config.started, item)),
            severity=_text(config.severity, item),
            text=_text(config.text, item),
            labels=_texts(config.labels, item),
            links={
                name: url
                for name, url in _texts(config.links, item).items()
                if url.startswith(("https://", "http://"))
            },
        )


def _search(expression: Any, value: Any) -> Any:
    """Return what an expression finds; None if it cannot be applied, as to a missing member."""
    try:
        return expression.search(value)
    except JMESPathError:
        return None


def _text(expression: Any, item: Any) -> str:
    found = _search(expression, item)
    return found if isinstance(found, str) else "" if found is None else str(found)


def _texts(expressions: Mapping[str, Any], item: Any) -> dict[str, str]:
    found = {name: _text(expression, item) for name, expression in expressions.items()}
    return {name: text for name, text in found.items() if text}


def _time(value: Any) -> datetime:
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = value / 1000 if value >= _MILLISECONDS else value
        return datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValidationFailed(
            "started is no time", details="It must be RFC 3339, or a number of seconds since 1970"
        ) from None
