"""The channel: proof, reading, answers and the way out put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from smartops import Message, Refusal, Reply, Services
from smartops.channels import Channel, Claims, Inbound, Receipt, Response, parse_json

from .activity import CHANNEL, Activity
from .answers import expected_replies, invoke_answer
from .config import TeamsConfig
from .connector import Connector
from .credentials import Credentials
from .hosts import ServiceHosts
from .membership import Membership, change_of
from .outbox import Outbox
from .pages import pages
from .proof import Proof, Proven
from .reading import Reader
from .references import References
from .tokens import Tokens

Spawn = Callable[..., None]


class TeamsChannel(Channel):
    """Microsoft Teams by way of the Bot Framework."""

    name = CHANNEL
    forms = True

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        self._proof = Proof(config, services)
        self._reader = Reader(config.app_id, services.clock, speaks=config.speaks)
        self._speaks = config.speaks
        self.references = References(lambda: services.key_value_store(CHANNEL))
        self.connector = Connector(
            Tokens(Credentials(config, services.clock), services.http, services.clock),
            services.http,
            services.clock,
            ServiceHosts(config.hosts),
        )
        self._outbox = Outbox(self.connector, self.references, services.clock)
        self._membership = Membership(self.references, self._outbox)
        self._spawn: Spawn | None = None

    def run_with(self, spawn: Spawn | None) -> None:
        """Take what runs things in the background, as long as the app runs."""
        self._spawn = spawn

    def recognises(self, inbound: Inbound) -> bool:
        """Say whether the token claims to come from the Bot Framework."""
        return self._proof.recognises(inbound)

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Prove that the Bot Framework sent this activity, to us, for a tenant we serve."""
        return await self._proof.prove(inbound)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Make messages of the activity that was proven."""
        activity = claims.activity if isinstance(claims, Proven) else parse_json(inbound.body)
        receipt = self._reader.read(activity, inbound.request_id)
        self._note(activity)
        return receipt

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Render the answers into the response, as replies or as the result of an invoke.

        A response holds one card for the one who pressed; see :meth:`follow`.
        """
        if messages[0].reference["answer"] != "invoke":
            return expected_replies(messages, replies)
        return invoke_answer(pages(replies[0])[0])

    async def follow(self, message: Message, reply: Reply) -> None:
        """Send what concerns the others, or does not fit the response, to the conversation."""
        if not self._speaks or message.reference["answer"] != "invoke":
            return
        if message.form and not reply.private:
            await self._outbox.repeat(message, reply)
        elif rest := pages(reply)[1:]:
            await self._outbox.follow(message, rest)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Send a reply by way of the connector, and return the id of the message that shows it.

        Raises BackendUnavailable if it may be tried again, PermissionDenied if
        the bot may not speak there or has no credential, DeadlineExceeded if it
        may have arrived, and Refusal if only a part did.
        """
        if not self._speaks:
            raise Refusal(
                "teams: the outbound connector is not configured",
                details=f"The answer to {message.request_id} was not delivered.",
            )
        return await self._outbox.answer(message, reply, replaces)

    async def hint(self, message: Message) -> None:
        """Show in chats that the bot is typing."""
        if self._speaks:
            await self._outbox.hint(message)

    def _note(self, activity: Activity) -> None:
        """Take note of where the bot was let in or had to leave."""
        if change := change_of(activity):
            self._later(self._membership.happened, activity, change)

    def _later(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        if self._spawn is not None and self._speaks:
            self._spawn(function, *arguments)
