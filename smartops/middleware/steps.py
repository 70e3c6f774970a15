"""What the steps of the gate work with, and the values that they pass on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from smartops.annotations import Annotations
from smartops.auth import ApprovalRules, Grants, People, Policy
from smartops.backend import Compute, Failure
from smartops.command import Call, Command, Core, Effect
from smartops.grammar import Grammar
from smartops.guard import NeedsApproval
from smartops.interpreter import Interpreter
from smartops.limits import Limiter, Window
from smartops.masking import Masker
from smartops.message import Message, Person
from smartops.observer import DecisionEvent
from smartops.plan import Plan
from smartops.plugins import Offer
from smartops.reply import Reply, members_of
from smartops.schedules import Schedules
from smartops.services import Clock, Services
from smartops.store import Approval, AuditEvent, Operation, Store

from .dispatch import Wired
from .running import ProgressReporter, Running


@dataclass(frozen=True, slots=True)
class Parts(Core):
    """What the steps and the core's own commands work with. Put together once at start.

    ``windows`` are the rate limits by what they are counted for (user, team,
    burst), ``expires`` the life of an approval in seconds; ``count`` is called
    with every audit event, ``notify`` with every decision if there are observers.
    ``masker`` masks secrets in replies before they are stored.
    """

    clock: Clock
    services: Services
    store: Store
    limiter: Limiter
    people: People
    policy: Policy
    approvals: ApprovalRules
    grants: Grants
    grammar: Grammar
    wired: Mapping[str, Wired]
    layers: Sequence[Offer]
    guards: Sequence[Offer]
    interpreters: tuple[Interpreter, ...]
    compute: Compute | None
    annotations: Annotations | None
    windows: Mapping[str, Window]
    expires: float
    count: Callable[[AuditEvent], None]
    notify: Callable[[DecisionEvent], None] | None
    running: Running
    masker: Masker
    schedules: Schedules


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is to be answered here; ``key`` is its idempotency key if it has an id.

    No request waits for the answer to one that is ``pushed``, so no duplicate does either.
    """

    message: Message
    key: str = ""
    pushed: bool = False


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
    the call of other words; ``answers`` is the question that the text answered,
    ``undoes`` the operation that the call undoes.
    """

    command: Command
    call: Call
    approval: Approval | None = None
    interpreted: bool = False
    answers: str = ""
    undoes: Operation | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """A call that the policy allows, with its targets resolved.

    ``rule`` is what allowed it; ``failures`` are backends that may have had more targets.
    The gate adds the ``plan`` of a change, and what guards demand: ``demands``.
    """

    command: Command
    call: Call
    effect: Effect
    rule: str = ""
    failures: tuple[Failure, ...] = ()
    plan: Plan | None = None
    demands: tuple[NeedsApproval, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer(Reply):
    """The reply of the gate, and what delivery has to know about it.

    One that is ``surplus`` repeats that a limit is exceeded, and is not pushed.
    ``decided`` is the id of the approval that the message is about: the messages
    that show it show this instead. With ``fulfils`` its call may be approved now.
    ``approval_message`` is the key of the approval message that this reply is, and ``asks``
    its approval. These two are not stored with the answer, nor is ``fulfils``.
    """

    decided: str = ""
    fulfils: bool = False
    approval_message: str = ""
    asks: Approval | None = None
    surplus: bool = False

    def stored(self) -> dict[str, Any]:
        """Return the members that the store gets."""
        own = {"decided": self.decided, "approval_message": self.approval_message}
        return Reply.stored(self) | own

    @classmethod
    def load(cls, stored: bytes) -> Answer:
        """Return the answer that was stored."""
        members = json.loads(stored)
        own = {name: members.get(name, "") for name in ("decided", "approval_message")}
        return cls(**members_of(members), **own)


_MEMBERS = [item.name for item in fields(Reply) if item.init]
_UNSTORED = frozenset({"quota", "request_id", "surplus"})


def answer(reply: Reply, **more: Any) -> Answer:
    """Return a reply as an answer, with ``more`` of its members set."""
    if isinstance(reply, Answer):
        made = replace(reply, **more)
    else:
        made = Answer(**{**{name: getattr(reply, name) for name in _MEMBERS}, **more})
    if more.keys() <= _UNSTORED:
        made.share_dump(reply)
    return made
