"""The contract of a channel: a way in and out, and what the running app offers to it.

A channel authenticates, reads and renders. It decides nothing: it never sees
the dispatcher, so it cannot go round the gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from .errors import Refusal
from .message import Claims, Inbound, Message, Receipt, Response
from .reply import Reply


class Channel(ABC):
    """A way in and out. Subclasses set ``name``, the word used in rules and logs.

    ``forms`` says whether the platform can show a Form. ``ack_timeout`` is after how
    many seconds a sender should see that work is in flight, ``pace`` how many
    seconds must lie between two edits of one message; both only matter to
    channels that send.
    """

    name: str
    forms: bool = False
    ack_timeout: float = 2.0
    pace: float = 3.0

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

    async def follow(self, message: Message, reply: Reply) -> None:  # noqa: B027 - few need it
        """Send what the response could not hold, such as further pages or what others may see.

        It is called once after ``respond`` for each reply in the response, but not
        for duplicates, nor for what is shown in place of an approval message.
        It is called again later if it raises BackendUnavailable.
        """

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        """Deliver a reply where the message came from, in its thread; the whole of it.

        Returns the platform's id of what now shows the reply, empty if that
        cannot be edited from the conversation that the message came from. With
        ``replaces``, such an id, that message is edited in place. What is too
        long for one message goes into several or a file. A private reply is
        shown to the sender alone where the platform can; what it replaces is a
        sign of work, which is taken away.

        Raises BackendUnavailable if it may be tried again later, any other
        refusal if it never will be delivered. Never delivers twice: a failure
        that may have been a success is not tried again by the channel.
        """
        raise NotImplementedError(f"{self.name} does not send")

    async def hint(self, message: Message) -> None:  # noqa: B027 - few platforms have one
        """Show for a moment that an answer is being made, where the platform has a sign for it.

        Nothing is lost if it is not seen: work that takes ``ack_timeout`` is shown
        by a message. Raises what ``send`` raises.
        """

    async def run(self, app: Runtime) -> None:  # noqa: B027 - few channels need it
        """Receive messages other than by requests, over a socket for instance, until cancelled.

        Only a server calls it, once, in a task of its own, after all lifespans
        have been entered; it cancels it when it stops. ``smartops say`` and
        ``chat`` never call it, but they may call ``send``.
        """

    def refuse(self, inbound: Inbound, error: Refusal) -> Response | None:
        """Render a refusal that happened before there was a message.

        None leaves it to the server, which answers with the error envelope of
        the wire contract.
        """
        return None


class Runtime(Protocol):
    """The running app, as a channel's ``run`` and a plugin's ``lifespan`` see it."""

    async def accept(self, channel: Channel, messages: Sequence[Message]) -> None:
        """Take messages that ``channel.send`` answers; they are durable when it returns."""
        ...

    def spawn(self, function: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Run a function in the background; a failure is logged, and shutdown waits for it."""
        ...
