"""The channel."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smartops import Identity, Message, Refusal, Reply, Runtime, Services, ValidationFailed
from smartops.channels import (
    Channel,
    Claims,
    Inbound,
    Place,
    Receipt,
    Response,
    parse_json,
    text_of,
    welcome,
)

from .activity import CHANNEL, Activity, reference, tenant
from .answers import expected_replies, invoke_answer
from .authentication import PLATFORM, Authenticator, TeamsClaims
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
        self._config = config
        self._services = services
        self._service_urls: dict[str, str] = {}

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
        self._remember(tenant(activity), text_of(activity, "serviceUrl"))
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

    async def address(self, place: Place, key: str, thread: str = "") -> Message:
        """Return a message to be answered in a channel or a chat; see ``Channel.address``."""
        if place.tenant not in self._config.tenants:
            raise ValidationFailed(f"The tenant of {place} is not among tenants")
        service_url = await self._service_url(place.tenant)
        if not (self._sends and service_url and place.room):
            raise ValidationFailed(
                f"Nothing can be posted to {place}",
                details="SmartOps must be able to send, and have got a message of this tenant.",
            )
        conversation = f"{place.room};messageid={thread}" if thread else place.room
        bot = {"id": f"28:{self._config.app_id}", "name": ""}
        return Message(
            id=key,
            channel=CHANNEL,
            conversation=conversation,
            sender=Identity(CHANNEL, place.tenant, "smartops"),
            place=place,
            at=self._services.clock.now(),
            request_id=key,
            thread=thread,
            team=place.team or place.tenant,
            reference={
                "answer": "",
                "serviceUrl": service_url,
                "channelId": PLATFORM,
                "conversation": conversation,
                "kind": "channel" if place.team else "groupChat",
                "tenant": place.tenant,
                "activity": "",
                "bot": bot,
                "user": {"id": "", "name": ""},
            },
        )

    def _remember(self, tenant: str, url: str) -> None:
        """Store where a tenant's messages come from: posts go there too, after a restart."""
        if self._app is not None and self._service_urls.get(tenant) != url:
            self._service_urls[tenant] = url
            self._app.spawn(self._services.kv.put, f"service-url:{tenant}", url)

    async def _service_url(self, tenant: str) -> str:
        known = self._service_urls.get(tenant) or await self._services.kv.get(
            f"service-url:{tenant}"
        )
        return known or self._config.preset.service_url

    async def hint(self, message: Message) -> None:
        """Show in chats that the bot is typing."""
        if self._sends:
            await self._outbox.hint(message)

    async def _welcome(self, activity: Activity) -> None:
        try:
            await self._outbox.post(reference(activity), welcome())
        except Refusal as refusal:
            log.warning("a new conversation was not welcomed: %s", refusal)
