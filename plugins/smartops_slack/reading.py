"""Authenticated requests as messages; everything else is only acknowledged."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl

from smartops import Clock, Identity, Message, ValidationFailed
from smartops.channels import JsonObject, Place, Receipt, Response, dump_json, parse_json, text_of

from .address import CHANNEL, Origin, UserInput, is_direct
from .config import SlackConfig
from .events import read_event
from .hosts import Hosts
from .interactions import read_interaction
from .text import typed_text

ANSWER_SECONDS = 1790.0
"""How long a ``response_url`` is used; Slack accepts it for 30 minutes."""

TRIGGER_SECONDS = 2.5
"""How long after its arrival a trigger is used; Slack accepts it for 3 seconds in all."""

MOST_FIELDS = 64
ACKNOWLEDGED = Receipt(ack=Response(content_type="text/plain"))

log = logging.getLogger("smartops.slack")


class Reader:
    """Reads payloads. ``bot`` is the bot's user id, once it is known."""

    def __init__(self, config: SlackConfig, clock: Clock, max_depth: int) -> None:
        self.bot = ""
        self._workspaces = frozenset(config.workspaces)
        self._hosts = Hosts(config.api_url)
        self._clock = clock
        self._max_depth = max_depth

    def body(self, body: bytes, request_id: str) -> Receipt:
        """Read the body of a request; raises ValidationFailed if it is malformed."""
        if body[:1] == b"{":
            return self.event(parse_json(body, self._max_depth), request_id)
        fields = _read_form(body)
        if "payload" not in fields:
            return self.command(fields, request_id)
        payload = parse_json(fields["payload"].encode(), self._max_depth)
        return self.interaction(payload, request_id)

    def event(self, payload: JsonObject, request_id: str) -> Receipt:
        """Read a request of the Events API."""
        if text_of(payload, "type") == "url_verification":
            challenge = dump_json({"challenge": text_of(payload, "challenge")})
            return Receipt(ack=Response(body=challenge))
        return self._receipt(read_event(payload, self.bot), request_id)

    def interaction(self, payload: JsonObject, request_id: str) -> Receipt:
        """Read a pressed button or a submitted form."""
        return self._receipt(read_interaction(payload, self._max_depth), request_id)

    def command(self, fields: JsonObject, request_id: str) -> Receipt:
        """Read a slash command."""
        if fields.get("ssl_check") == "1":
            return ACKNOWLEDGED
        user, channel = text_of(fields, "user_id"), text_of(fields, "channel_id")
        if not (user and channel and text_of(fields, "command")):
            raise ValidationFailed("The form is neither a slash command nor an interaction")
        text, trigger = typed_text(text_of(fields, "text"), self.bot), text_of(fields, "trigger_id")
        found = UserInput(
            id=trigger or request_id,
            origin=Origin(text_of(fields, "team_id"), text_of(fields, "enterprise_id")),
            user=user,
            channel=channel,
            text=text,
            name=text_of(fields, "user_name"),
            answers=text_of(fields, "response_url"),
            trigger=trigger,
            asked=f"{text_of(fields, 'command')} {text}".strip(),
        )
        receipt = self._receipt(found, request_id)
        if receipt.messages:
            return receipt
        refusal = {"response_type": "ephemeral", "text": "This workspace is not served."}
        return Receipt(ack=Response(body=dump_json(refusal)))

    def _receipt(self, found: UserInput | str, request_id: str) -> Receipt:
        if isinstance(found, str):
            log.info("request %s: acknowledged, %s", request_id, found)
            return ACKNOWLEDGED
        tenant = self._tenant(found.origin)
        if not tenant:
            log.warning(
                "request %s: ignored, workspace %.40r is not served",
                request_id,
                tuple(found.origin),
            )
            return ACKNOWLEDGED
        message = Message(
            id=found.id,
            channel=CHANNEL,
            conversation=found.channel,
            sender=Identity(CHANNEL, tenant, found.user),
            place=Place(CHANNEL, found.origin.enterprise or found.origin.team, "", found.channel),
            at=self._clock.now(),
            request_id=request_id,
            text=found.text,
            action=found.action,
            thread=found.thread,
            team=found.origin.team,
            sender_name=found.name,
            reference=_reference(found),
            short_lived=self._short_lived(found, request_id),
            shown_in=found.shown_in,
            form=found.form,
            asks=True,
        )
        return Receipt((message,), ACKNOWLEDGED.ack)

    def _tenant(self, origin: Origin) -> str:
        """Return the tenant of the person's identity; empty if the workspace is not served.

        In an organisation a person has one id in all workspaces, so it is the tenant. People
        of another workspace need that to be served: in shared channels they may be of another
        company.
        """
        team, enterprise, home, external = origin
        if not self._workspaces & {team, enterprise}:
            return ""
        if home and home not in (team, enterprise):
            if home not in self._workspaces:
                return ""
            if external or not enterprise:
                return home
        return enterprise or team

    def _short_lived(self, found: UserInput, request_id: str) -> dict[str, Any]:
        """Return the members of the reply's Address that are as good as a token for a while."""
        members: dict[str, Any] = {}
        now = self._clock.time()
        if found.trigger:
            members |= {"trigger": found.trigger, "trigger_until": now + TRIGGER_SECONDS}
        if self._hosts.answers(found.answers):
            members |= {"response_url": found.answers, "response_until": now + ANSWER_SECONDS}
        elif found.answers:
            log.warning("request %s: its response_url is not Slack's, and not used", request_id)
        return members


def _reference(found: UserInput) -> dict[str, Any]:
    """Return the members of the reply's Address that last, and have a value."""
    reference: dict[str, Any] = {"channel": found.channel, "user": found.user}
    if found.thread:
        reference["thread"] = found.thread
    if found.asked and not is_direct(found.channel):
        reference["asked"] = found.asked
    return reference


def _read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a urlencoded form.

    Strict, so that no two parsers can interpret a body differently: UTF-8 only, and no
    duplicate fields.
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
        raise _malformed("a field appears twice")
    return fields


def _malformed(details: str) -> ValidationFailed:
    return ValidationFailed("The body is no valid form", details=details)
