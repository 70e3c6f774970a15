"""The channel: proof, reading and answers put together."""

from __future__ import annotations

from collections.abc import Sequence

from smartops import (
    Channel,
    Claims,
    Inbound,
    Message,
    Receipt,
    Refusal,
    Reply,
    Response,
    Services,
    parse_json,
)

from .activity import CHANNEL
from .answers import expected_replies, invoke_answer
from .config import TeamsConfig
from .proof import Proof, Proven
from .reading import Reader


class TeamsChannel(Channel):
    """Microsoft Teams by way of the Bot Framework."""

    name = CHANNEL

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        self._proof = Proof(config, services)
        self._reader = Reader(config.app_id, services.clock)

    def recognises(self, inbound: Inbound) -> bool:
        """Say whether the token claims to come from the Bot Framework."""
        return self._proof.recognises(inbound)

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Prove that the Bot Framework sent this activity, to us, for a tenant we serve."""
        return await self._proof.prove(inbound)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Make messages of the activity that was proven."""
        activity = claims.activity if isinstance(claims, Proven) else parse_json(inbound.body)
        return self._reader.read(activity, inbound.request_id)

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Render the answers into the response, as replies or as the result of an invoke."""
        if messages[0].reference["answer"] == "invoke":
            return invoke_answer(replies[0])
        return expected_replies(messages, replies)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Refuse: this channel answers only in responses, for it has no connector to call.

        Raises Refusal, for trying again will not help.
        """
        raise Refusal(
            "teams: the outbound connector is not configured",
            details=f"The answer to {message.request_id} was not delivered.",
        )
