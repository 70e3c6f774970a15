"""The contract of a channel, and what the running app offers to it.

A channel authenticates requests, reads messages and renders replies. It cannot
bypass the gate, because it has no access to handlers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from .errors import Refusal, ValidationFailed
from .message import Claims, Inbound, Message, Place, Receipt, Response
from .reply import Action, Reply, Text


def welcome() -> Reply:
    """Return what a new conversation gets, and a person who greets SmartOps."""
    return Reply.of(
        Text("SmartOps is here", style="title"),
        "Run your infrastructure from this chat. A command that changes something shows its plan "
        "first, and runs once, after you confirm it.",
        Text(
            "Type help for the commands that you may run, and whoami for your identity and roles. "
            "In channels and group chats, mention SmartOps: @SmartOps help.",
            style="note",
        ),
        actions=[Action("command", "Show commands", "help")],
    )


class Channel(ABC):
    """One chat platform or API. Subclasses set ``name``, which is used in rules and logs.

    ``forms`` says whether the platform can show a Form. The first channel with
    ``fallback`` gets the requests that no channel recognises. ``ack_timeout`` is after how
    many seconds a sender should see that work is in flight, ``pace`` how many
    seconds must lie between two edits of one message; both only matter to
    channels that send.
    """

    name: str
    forms: bool = False
    fallback: bool = False
    ack_timeout: float = 2.0
    pace: float = 3.0

    def recognises(self, inbound: Inbound) -> bool:
        """Return whether a request on the shared path is for this channel.

        It must be cheap, and must not raise. The first channel in configuration
        order that recognises a request authenticates it.
        """
        return False

    @abstractmethod
    async def authenticate(self, inbound: Inbound) -> Claims:
        """Authenticate a request.

        Raises AuthenticationFailed, or PermissionDenied if it is authentic but for
        another recipient. Nothing in the body may be trusted before this returns.
        """

    @abstractmethod
    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Return the messages of an authenticated request; raises ValidationFailed."""

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Render the replies as the HTTP response; called for receipts that wait."""
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
        shown to the sender alone where the platform can; the pending message that
        it replaces is removed.

        Raises BackendUnavailable if it may be tried again later, any other
        refusal if it never will be delivered. Never delivers twice: a failure
        that may have been a success is not tried again by the channel.
        """
        raise NotImplementedError(f"{self.name} does not send")

    async def address(self, place: Place, key: str, thread: str = "") -> Message:
        """Return a message of no person: what :meth:`send` answers it with is posted in ``place``.

        ``key`` is the id of the message, new for each post. ``thread`` is the id that ``send``
        returned for the message whose thread it continues; without it a new one begins.
        Raises ValidationFailed if nothing can be posted there.
        """
        raise ValidationFailed(f"{self.name} cannot post: it only answers")

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
        """Render a refusal of a request that was not read yet.

        With None, the server responds with the error envelope of the wire contract.
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
