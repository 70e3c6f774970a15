"""The channel."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smartops import Message, Refusal, Reply, Runtime, Services
from smartops.channels import (
    Channel,
    Claims,
    Inbound,
    Receipt,
    Response,
    parse_json,
    text_of,
    welcome,
)

from .activity import CHANNEL, Activity, reference
from .answers import expected_replies, invoke_answer
from .authentication import Authenticator, TeamsClaims
from .config import TeamsConfig
from .connector import Connector
from .outbox import Outbox
from .reading import Reader
from .tokens import Tokens

log = logging.getLogger("smartops.teams")


class TeamsChannel(Channel):
    """Microsoft Teams by way of the Bot Framework."""

    name = CHANNEL
    forms = True

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        http, clock = services.http, services.clock
        self._authenticator = Authenticator(config, services)
        self._reader = Reader(config.app_id, clock, sends=config.sends)
        self._sends = config.sends
        self._outbox = Outbox(Connector(Tokens(config, http, clock), http, clock, config.allows))
        self._app: Runtime | None = None

    async def run(self, app: Runtime) -> None:
        """Let the channel welcome new conversations in the background."""
        self._app = app

    def recognises(self, inbound: Inbound) -> bool:
        """Return whether the token claims to come from the Bot Framework."""
        return self._authenticator.recognises(inbound)

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Check that the Bot Framework sent this activity, to this bot, from a served tenant."""
        return await self._authenticator.authenticate(inbound)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Make messages of an authenticated activity."""
        activity = claims.activity if isinstance(claims, TeamsClaims) else parse_json(inbound.body)
        receipt = self._reader.read(activity, inbound.request_id)
        installed = text_of(activity, "type") == "installationUpdate"
        if installed and text_of(activity, "action") == "add" and self._sends and self._app:
            self._app.spawn(self._welcome, activity)
        return receipt

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Render the answers into the response, as replies or as the result of an invoke."""
        if messages[0].reference["answer"] != "invoke":
            return expected_replies(messages, replies)
        return invoke_answer(replies[0])

    async def follow(self, message: Message, reply: Reply) -> None:
        """Send to the conversation what concerns others, or does not fit the response."""
        if self._sends and message.reference["answer"] == "invoke":
            await self._outbox.follow(message, reply)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Send a reply by way of the connector; see ``Channel.send``."""
        if not self._sends:
            raise Refusal(
                "teams: the outbound connector is not configured",
                details=f"The answer to {message.request_id} was not delivered.",
            )
        return await self._outbox.send(message, reply, replaces)

    async def hint(self, message: Message) -> None:
        """Show in chats that the bot is typing."""
        if self._sends:
            await self._outbox.hint(message)

    async def _welcome(self, activity: Activity) -> None:
        try:
            await self._outbox.post(reference(activity), welcome())
        except Refusal as refusal:
            log.warning("a new conversation was not welcomed: %s", refusal)
