"""From what Slack sends to messages. What is no act of a person becomes a bare acknowledgement."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from smartops import Clock, Identity, Message, Place, ValidationFailed
from smartops.channels import JsonObject, Receipt, Response, dump_json, parse_json, text_of

from . import events, interactions
from .act import Act
from .address import ANSWER_SECONDS, TRIGGER_SECONDS
from .config import SlackConfig
from .hosts import Hosts
from .origin import Workspaces
from .payload import CHANNEL, is_direct
from .text import spoken

ACKNOWLEDGED = Receipt(ack=Response(content_type="text/plain"))

log = logging.getLogger("smartops.slack")


class Reader:
    """Makes receipts of what was proven. ``me`` is the bot's user id, once it is known."""

    def __init__(self, config: SlackConfig, clock: Clock, max_depth: int) -> None:
        self.me = ""
        self._workspaces = Workspaces(config.workspaces)
        self._hosts = Hosts(config.api_url)
        self._clock = clock
        self._max_depth = max_depth

    def event(self, payload: JsonObject, request_id: str) -> Receipt:
        """Read a request of the Events API.

        New messages to the bot act. Edits, deletions, its own and other bots'
        messages and all other events are acknowledged. Raises ValidationFailed if
        a message does not say who said it, where and when.
        """
        kind = text_of(payload, "type")
        if kind == "url_verification":
            challenge = dump_json({"challenge": text_of(payload, "challenge")})
            return Receipt(ack=Response(body=challenge))
        act = events.act_of(payload, self.me)
        if isinstance(act, str):
            log.info("request %s: acknowledged, %s", request_id, act)
            return ACKNOWLEDGED
        return self._receipt(act, request_id)

    def form(self, fields: Mapping[str, str], request_id: str) -> Receipt:
        """Read a form: a slash command, or an interaction in its field ``payload``."""
        payload = fields.get("payload")
        if payload is None:
            return self.command(fields, request_id)
        return self.interaction(parse_json(payload.encode(), self._max_depth), request_id)

    def command(self, fields: JsonObject, request_id: str) -> Receipt:
        """Read a slash command; raises ValidationFailed if it is none."""
        if fields.get("ssl_check") == "1":
            return ACKNOWLEDGED
        user, channel = text_of(fields, "user_id"), text_of(fields, "channel_id")
        if not (user and channel and text_of(fields, "command")):
            raise ValidationFailed("The form is neither a slash command nor an interaction")
        text, trigger = spoken(text_of(fields, "text"), self.me), text_of(fields, "trigger_id")
        act = Act(
            id=trigger or request_id,
            origin=(text_of(fields, "team_id"), text_of(fields, "enterprise_id"), ""),
            user=user,
            channel=channel,
            text=text,
            name=text_of(fields, "user_name"),
            answers=text_of(fields, "response_url"),
            trigger=trigger,
            asked=f"{text_of(fields, 'command')} {text}".strip(),
        )
        receipt = self._receipt(act, request_id)
        return (
            receipt
            if receipt.messages
            else Receipt(ack=_ephemeral("This workspace is not served."))
        )

    def interaction(self, payload: JsonObject, request_id: str) -> Receipt:
        """Read a pressed button or a submitted form."""
        act = interactions.act_of(payload, self._max_depth)
        if isinstance(act, str):
            log.info("request %s: acknowledged, %s", request_id, act)
            return ACKNOWLEDGED
        return self._receipt(act, request_id)

    def _receipt(self, act: Act, request_id: str) -> Receipt:
        team, enterprise, _ = act.origin
        tenant = self._workspaces.tenant(*act.origin)
        if not tenant:
            log.warning(
                "request %s: ignored, workspace %.40r is not served", request_id, act.origin
            )
            return ACKNOWLEDGED
        message = Message(
            id=act.id,
            channel=CHANNEL,
            conversation=act.channel,
            sender=Identity(CHANNEL, tenant, act.user),
            place=Place(CHANNEL, enterprise or team, "", act.channel),
            at=self._clock.now(),
            request_id=request_id,
            text=act.text,
            action=act.action,
            thread=act.thread,
            team=team,
            sender_name=act.name,
            reference=self._reference(act, request_id),
            shown_in=act.shown_in,
            form=act.form,
            asks=True,
        )
        return Receipt((message,), ACKNOWLEDGED.ack)

    def _reference(self, act: Act, request_id: str) -> dict[str, Any]:
        """Return the address of the answer, in the members of an Address that say something."""
        reference: dict[str, Any] = {"channel": act.channel, "user": act.user}
        if act.thread:
            reference["thread"] = act.thread
        if not (act.answers or act.trigger):
            return reference
        now = self._clock.time()
        if act.trigger:
            reference |= {"trigger": act.trigger, "trigger_until": now + TRIGGER_SECONDS}
        if act.asked and not is_direct(act.channel):
            reference["asked"] = act.asked
        if self._hosts.answers(act.answers):
            reference |= {"response_url": act.answers, "response_until": now + ANSWER_SECONDS}
        elif act.answers:
            log.warning("request %s: its response_url is not Slack's, and not used", request_id)
        return reference


def _ephemeral(text: str) -> Response:
    return Response(body=dump_json({"response_type": "ephemeral", "text": text}))
