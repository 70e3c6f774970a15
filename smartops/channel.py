"""The contract of a channel: a way in and out.

A channel authenticates, reads and renders. It decides nothing: it never sees
the dispatcher, so it cannot go round the gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .errors import Refusal
from .message import Claims, Inbound, Message, Receipt, Response
from .reply import Reply


class Channel(ABC):
    """A way in and out. Subclasses set ``name``, the word used in rules and logs."""

    name: str

    def recognises(self, inbound: Inbound) -> bool:
        """Say cheaply whether an inbound on the shared path is this channel's.

        Recognising selects; it accepts nothing. The first channel in
        configuration order that recognises an inbound gets it. Must not raise.
        """
        return False

    @abstractmethod
    async def authenticate(self, inbound: Inbound) -> Claims:
        """Prove where the inbound comes from.

        Raises AuthenticationFailed (no proof) or PermissionDenied (genuine, but
        not for us). Nothing in the body may be believed before this returns.
        """

    @abstractmethod
    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Make messages of a proven inbound; raises ValidationFailed if it is malformed."""

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Render the replies as the HTTP answer; only asked of receipts that wait."""
        raise NotImplementedError(f"{self.name} does not answer in the response")

    async def send(self, message: Message, reply: Reply) -> None:
        """Deliver a reply where the message came from; only asked of receipts that do not wait."""
        raise NotImplementedError(f"{self.name} does not send")

    def refuse(self, inbound: Inbound, error: Refusal) -> Response | None:
        """Render a refusal that happened before there was a message.

        None leaves it to the server, which answers with the error envelope of
        the wire contract.
        """
        return None
