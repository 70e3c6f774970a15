"""What the steps work with, and what they learn about one message on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from smartops.auth import People, Policy
from smartops.backend import Compute
from smartops.command import Call, Command, Effect
from smartops.grammar import Grammar
from smartops.interpreter import Interpreter
from smartops.limits import Limiter, Window
from smartops.message import Message, Person
from smartops.plan import Plan
from smartops.reply import Quota, Reply
from smartops.services import Clock
from smartops.store import Approval, Operation, Record, Store

from .running import Running, StoredWork
from .watcher import Watcher
from .wiring import Wired


@dataclass(frozen=True, slots=True)
class Parts:
    """What the steps work with. Put together once at start; never changes.

    ``windows`` are the rate limits by what they are counted for (user, team,
    burst), ``expires`` the life of an approval in seconds; ``observe`` is told
    of every outcome.
    """

    clock: Clock
    store: Store
    limiter: Limiter
    people: People
    policy: Policy
    grammar: Grammar
    wired: Mapping[str, Wired]
    interpreters: tuple[Interpreter, ...]
    compute: Compute | None
    windows: Mapping[str, Window]
    expires: float
    observe: Callable[[Record], None]
    running: Running


class Desk:
    """Where the core's own commands find the parts, which are put together after them."""

    parts: Parts


@dataclass(slots=True)
class Turn:
    """One message on its way through the gate; each step adds what it learns.

    ``retaken`` says that an earlier process began to answer it, ``pushed`` that
    nobody waits for the answer, ``operation``
    is one that goes on where that process stopped, ``understood`` that the call
    is what an interpreter made of other words, ``answers`` is the question that
    the text answers.
    """

    message: Message
    started: float
    watcher: Watcher = field(default_factory=Watcher)
    retaken: bool = False
    pushed: bool = False
    understood: bool = False
    answers: str = ""
    operation: Operation | None = None
    closes: str = ""
    act: str = ""
    claimed: bool = False
    repeated: bool = False
    person: Person | None = None
    quota: Quota | None = None
    command: Command | None = None
    call: Call | None = None
    effect: Effect | None = None
    rule: str = ""
    approval: Approval | None = None
    plan: Plan | None = None
    work: StoredWork | None = None


Proceed = Callable[[Turn], Awaitable[Reply]]
Step = Callable[[Parts, Proceed, Turn], Awaitable[Reply]]
