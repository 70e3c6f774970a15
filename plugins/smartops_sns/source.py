"""The webhook: Amazon SNS posts its messages here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from smartops import Refusal, Services, ValidationFailed
from smartops.channels import (
    Event,
    EventSource,
    Inbound,
    JsonObject,
    header,
    parse_json,
    text_of,
    unproven,
)

from .events import events_in
from .signature import Signature, confirm

log = logging.getLogger("smartops.sns")

_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


class Webhook(EventSource):
    """The webhook under ``/hooks/NAME``. Only messages of ``topics`` are read.

    ``severity`` is that of events that have none.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        severity: str,
        signature: Signature,
        services: Services,
    ) -> None:
        self.name = name
        self._topics = frozenset(topics)
        self._severity = severity
        self._signature = signature
        self._services = services

    async def authenticate(self, inbound: Inbound) -> None:
        """Check that SNS signed the message, and that it is of a configured topic."""
        if header(inbound, "x-amz-sns-rawdelivery"):
            raise unproven(inbound, "raw delivery is not signed; switch it off")
        try:
            body = self._body(inbound)
        except ValidationFailed as refusal:
            raise unproven(inbound, refusal.message) from None
        if text_of(body, "Type") not in _TYPES or text_of(body, "TopicArn") not in self._topics:
            raise unproven(inbound, "it is no message of a topic of the configuration")
        if reason := await self._signature.why_invalid(body):
            raise unproven(inbound, reason)

    async def read(self, inbound: Inbound) -> Sequence[Event]:
        """Return the events of a notification; confirm a subscription."""
        body = self._body(inbound)
        topic = text_of(body, "TopicArn")
        match text_of(body, "Type"):
            case "SubscriptionConfirmation":
                try:
                    await confirm(self._services.http, body)
                except Refusal as refusal:
                    log.error("the subscription to %s is not confirmed: %s", topic, refusal)
                    raise
                log.info("the subscription to %s is confirmed", topic)
            case "UnsubscribeConfirmation":
                log.warning("SmartOps gets no events of %s any more: it was unsubscribed", topic)
            case _:
                return self._events(topic, text_of(body, "Message"))
        return []

    def _events(self, topic: str, text: str) -> Sequence[Event]:
        """Return the events of a message; people and other services post to topics too."""
        found: Sequence[Event] | None = None
        if text.startswith("{"):
            found = events_in(parse_json(text.encode(), self._services.max_depth))
        if found is None:
            log.info("a message of %s is of a kind that is not read", topic)
        return [replace(it, severity=it.severity or self._severity) for it in found or ()]

    def _body(self, inbound: Inbound) -> JsonObject:
        return parse_json(inbound.body, self._services.max_depth)
