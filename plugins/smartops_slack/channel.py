"""The channel: authentication, reading, replies and Socket Mode put together."""

from __future__ import annotations

import logging

import anyio

from smartops import (
    BackendUnavailable,
    Identity,
    Message,
    Refusal,
    Reply,
    Runtime,
    Services,
    ValidationFailed,
)
from smartops.channels import (
    AuthenticationFailed,
    Channel,
    Claims,
    Inbound,
    Place,
    Receipt,
    Response,
    dump_json,
    envelope,
    text_of,
)

from .address import CHANNEL, Posted
from .api import SlackApi
from .config import SlackConfig
from .outbox import Outbox
from .reading import Reader
from .signature import SIGNATURE, TIMESTAMP, Signature
from .sockets import SocketMode

NO_RETRY = (("X-Slack-No-Retry", "1"),)
RETRY_SECONDS = 30.0

log = logging.getLogger("smartops.slack")


class SlackChannel(Channel):
    """Slack: Events API, slash command, interactivity and Socket Mode."""

    name = CHANNEL
    forms = True

    def __init__(self, config: SlackConfig, services: Services) -> None:
        self._config = config
        self._services = services
        secret = config.signing_secret
        self._signature = Signature(secret, services.clock) if secret else None
        self._reader = Reader(config, services.clock, services.max_depth)
        self._api = SlackApi(config, services)
        self._outbox = Outbox(self._api, services.clock)

    def recognises(self, inbound: Inbound) -> bool:
        """Return whether the request has one of Slack's signature headers."""
        if self._signature is None:
            return False
        try:
            headers = inbound.headers
            return headers.get(SIGNATURE) is not None or headers.get(TIMESTAMP) is not None
        except ValidationFailed:
            return True  # a repeated header: ours, and refused

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Verify that Slack signed this body for this app within the leeway."""
        if self._signature is None:
            raise AuthenticationFailed("Invalid or missing signature")
        self._signature.check(inbound)
        return Claims(None)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Read an event, a slash command or an interaction."""
        return self._reader.body(inbound.body, inbound.request_id)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Deliver a reply where the message came from, in its thread."""
        return await self._outbox.send(message, reply, replaces)

    async def address(self, place: Place, key: str, thread: str = "") -> Message:
        """Return a message to be answered in a channel; see ``Channel.address``."""
        if not place.room:
            raise ValidationFailed(f"{place} is no channel: write slack/WORKSPACE/CHANNEL")
        if place.tenant not in self._config.workspaces:
            raise ValidationFailed(f"The workspace of {place} is not among workspaces")
        reply_to = {"thread": Posted.parse(thread).ts} if thread else {}
        return Message(
            id=key,
            channel=CHANNEL,
            conversation=place.room,
            sender=Identity(CHANNEL, place.tenant, "smartops"),
            place=place,
            at=self._services.clock.now(),
            request_id=key,
            thread=reply_to.get("thread", ""),
            reference={"channel": place.room, "user": "", **reply_to},
        )

    def refuse(self, inbound: Inbound, error: Refusal) -> Response | None:
        """Tell Slack not to retry a malformed request."""
        if not isinstance(error, ValidationFailed):
            return None
        reply = Reply(status="error", error=error, request_id=inbound.request_id)
        body = dump_json(envelope(reply, self._services.clock.now()))
        return Response(error.status, body, headers=NO_RETRY)

    async def run(self, app: Runtime) -> None:
        """Look up the bot's identity and, with an app token, stay connected by Socket Mode."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._identify_bot)
            if self._config.app_token:
                socket = SocketMode(self._api, self._reader, self._services, app, self)
                group.start_soon(socket.run)

    async def aclose(self) -> None:
        """Close the connections to Slack."""
        await self._api.aclose()

    async def _identify_bot(self) -> None:
        while True:
            try:
                bot = await self._api.call("auth.test")
                break
            except BackendUnavailable as error:
                log.warning("%s; trying again", error)
                await self._services.clock.sleep(max(RETRY_SECONDS, error.retry_after or 0))
            except Refusal as error:
                log.error("answers cannot be sent: %s. %s", error, error.details)
                return
        self._reader.bot = text_of(bot, "user_id")
        team = text_of(bot, "team_id")
        log.info("connected to Slack as %s in workspace %s", text_of(bot, "user"), team)
        if not {team, text_of(bot, "enterprise_id")} & set(self._config.workspaces):
            log.warning("the bot's own workspace %s is not among workspaces:", team)
