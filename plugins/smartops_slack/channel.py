"""The channel: proof, reading, answers and the connection put together."""

from __future__ import annotations

import logging
from functools import partial

import anyio

from smartops import (
    BackendUnavailable,
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
    Receipt,
    Response,
    dump_json,
    envelope,
    parse_json,
    text_of,
)

from .api import SlackApi
from .bodies import read_form
from .config import SlackConfig
from .outbox import Outbox
from .payload import CHANNEL
from .reading import Reader
from .signature import SIGNATURE, TIMESTAMP, Signature
from .sockets import SocketMode

NO_RETRY = (("X-Slack-No-Retry", "1"),)
GREETING_PAUSE = 30.0

log = logging.getLogger("smartops.slack")


class SlackChannel(Channel):
    """Slack: Events API, slash command, interactivity and Socket Mode."""

    name = CHANNEL
    forms = True

    def __init__(self, config: SlackConfig, services: Services) -> None:
        self._config = config
        self._clock = services.clock
        self._max_depth = services.max_depth
        secret = config.signing_secret
        self._signature = Signature(secret, services.clock) if secret else None
        self._reader = Reader(config, services.clock, services.max_depth)
        self._api = SlackApi(config, services.clock)
        self._outbox = Outbox(self._api, services.clock)

    def recognises(self, inbound: Inbound) -> bool:
        """Say whether the request claims to be signed by Slack."""
        if self._signature is None:
            return False
        try:
            headers = inbound.headers
            return headers.get(SIGNATURE) is not None or headers.get(TIMESTAMP) is not None
        except ValidationFailed:
            return True  # repeated: ours, and refused

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Prove that Slack sent exactly this, just now, to this app."""
        if self._signature is None:
            raise AuthenticationFailed("Invalid or missing signature")
        self._signature.check(inbound)
        return Claims(None)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Make messages of an event, a slash command or an interaction."""
        if inbound.body[:1] == b"{":
            payload = parse_json(inbound.body, self._max_depth)
            return self._reader.event(payload, inbound.request_id)
        return self._reader.form(read_form(inbound.body), inbound.request_id)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Deliver a reply where the message came from, in its thread."""
        return await self._outbox.send(message, reply, replaces)

    def refuse(self, inbound: Inbound, error: Refusal) -> Response | None:
        """Tell Slack not to send again what will never be understood."""
        if not isinstance(error, ValidationFailed):
            return None
        reply = Reply(status="error", error=error, request_id=inbound.request_id)
        body = dump_json(envelope(reply, self._clock.now()))
        return Response(error.status, body, headers=NO_RETRY)

    async def run(self, app: Runtime) -> None:
        """Find out who the bot is and, with an app token, stay connected by Socket Mode."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._greet)
            if self._config.app_token:
                accept = partial(app.accept, self)
                socket = SocketMode(self._api, self._reader, self._clock, accept, self._max_depth)
                group.start_soon(socket.forever)

    async def aclose(self) -> None:
        """Close all connections to Slack."""
        await self._api.aclose()

    async def _greet(self) -> None:
        """Learn who the bot is, and say in the log what is wrong with its token."""
        while True:
            try:
                me = await self._api.call("auth.test")
            except BackendUnavailable as error:
                log.warning("%s; trying again", error)
                await self._clock.sleep(max(GREETING_PAUSE, error.retry_after or 0))
            except Refusal as error:
                log.error("answers cannot be sent: %s. %s", error, error.details)
                return
            else:
                break
        self._reader.me = text_of(me, "user_id")
        team = text_of(me, "team_id")
        log.info("connected to Slack as %s in workspace %s", text_of(me, "user"), team)
        if not {team, text_of(me, "enterprise_id")} & set(self._config.workspaces):
            log.warning("the bot's own workspace %s is not among workspaces:", team)
