"""What the steps of the gate work with, and the values that they pass on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import anyio

from smartops.auth import People, Policy
from smartops.backend import Compute, Failure
from smartops.command import Call, Command, Core, Effect
from smartops.grammar import Grammar
from smartops.interpreter import Interpreter
from smartops.limits import Limiter, Window
from smartops.message import Message, Person
from smartops.plugins import Offer
from smartops.reply import Reply, members_of
from smartops.services import Clock
from smartops.store import Approval, AuditEvent, Store

from .dispatch import Wired


class ProgressReporter:
    """Discards progress; delivery replaces it for channels that can edit messages."""

    def accepted(self) -> None:
        """Note that the pressed button was the sender's to press, and counts."""

    async def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is; ``total`` is 0 if it is not known."""


class Running:
    """Which operations and messages are in flight here.

    They can be waited for, and operations can be cancelled.
    """

    def __init__(self) -> None:
        self._ends: dict[str, anyio.Event] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    @property
    def ids(self) -> Sequence[str]:
        """The ids of operations and idempotency keys of messages that are in flight here."""
        return tuple(self._ends)

    @contextmanager
    def expect(self, id: str) -> Iterator[None]:
        """Return a context at whose end the operation is over."""
        if id in self._ends:
            yield
            return
        self.begin(id)
        try:
            yield
        finally:
            self.end(id)

    def begin(self, id: str) -> None:
        """Note that something is in flight: from now on it can be waited for."""
        self._ends.setdefault(id, anyio.Event())

    def end(self, id: str) -> None:
        """Note that it is over, and wake all that wait for it."""
        ended = self._ends.pop(id, None)
        if ended is not None:
            ended.set()

    @contextmanager
    def carry(self, id: str) -> Iterator[anyio.CancelScope]:
        """Return a context in which the operation is executed; its scope cancels it."""
        with self.expect(id), anyio.CancelScope() as scope:
            self._scopes[id] = scope
            try:
                yield scope
            finally:
                del self._scopes[id]

    async def wait(self, id: str) -> bool:
        """Wait for something to end; False if it is not in flight here."""
        ended = self._ends.get(id)
        if ended is None:
            return False
        await ended.wait()
        return True

    def cancel(self, id: str) -> bool:
        """Cancel an operation; False if it is not executed here."""
        scope = self._scopes.get(id)
        if scope is None:
            return False
        scope.cancel()
        return True


@dataclass(frozen=True, slots=True)
class CoreServices(Core):
    """What the core's own commands ask for."""

    clock: Clock
    store: Store
    policy: Policy
    grammar: Grammar
    running: Running


@dataclass(frozen=True, slots=True)
class Parts:
    """What the steps work with. Put together once at start; never changes.

    ``windows`` are the rate limits by what they are counted for (user, team,
    burst), ``expires`` the life of an approval in seconds; ``observe`` is called
    with every audit event.
    """

    clock: Clock
    store: Store
    limiter: Limiter
    people: People
    policy: Policy
    grammar: Grammar
    wired: Mapping[str, Wired]
    layers: Sequence[Offer]
    interpreters: tuple[Interpreter, ...]
    compute: Compute | None
    windows: Mapping[str, Window]
    expires: float
    observe: Callable[[AuditEvent], None]
    running: Running


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is to be answered here; ``key`` is its idempotency key if it has an id."""

    message: Message
    key: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """A message and the person who sent it."""

    message: Message
    person: Person
    key: str = ""
    progress: ProgressReporter = field(default_factory=ProgressReporter)


@dataclass(frozen=True, slots=True)
class Understood:
    """The call that a message makes.

    ``approval`` is what it confirms. It is ``interpreted`` if an interpreter made
    the call of other words; ``answers`` is the question that the text answered.
    """

    command: Command
    call: Call
    approval: Approval | None = None
    interpreted: bool = False
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call that the policy allows, with its targets resolved.

    ``rule`` is what allowed it; ``failures`` are backends that may have had more targets.
    """

    command: Command
    call: Call
    effect: Effect
    rule: str = ""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer(Reply):
    """The reply of the gate, and what delivery has to know about it.

    ``decided`` is the id of the approval that the message decided: the messages
    that show it lose their buttons. ``approval_message`` is the key of the
    approval message that this reply is. The answer to a ``read`` is stored for
    duplicates for a short time only.
    """

    decided: str = ""
    approval_message: str = ""
    read: bool = False

    def dump(self) -> bytes:
        """Return the answer as JSON; :meth:`load` reads it."""
        if not self.decided and not self.approval_message:
            return Reply.dump(self)
        kept = {"decided": self.decided, "approval_message": self.approval_message}
        return Reply.dump(self)[:-1] + b"," + json.dumps(kept).encode()[1:]

    @classmethod
    def load(cls, kept: bytes) -> Answer:
        """Return the answer that was stored."""
        stored = json.loads(kept)
        decided, message = stored.get("decided", ""), stored.get("approval_message", "")
        return cls(**members_of(stored), decided=decided, approval_message=message)


_MEMBERS = [item.name for item in fields(Reply)]


def answer(reply: Reply, **more: Any) -> Answer:
    """Return a reply as an answer, with ``more`` of its members set."""
    if isinstance(reply, Answer):
        return replace(reply, **more)
    return Answer(**{**{name: getattr(reply, name) for name in _MEMBERS}, **more})
