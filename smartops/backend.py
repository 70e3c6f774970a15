"""The contracts of backends: something operated on, by capability.

Commands ask for a capability (:class:`Compute`, :class:`Runner`,
:class:`Metrics`, :class:`Costs`), never for a vendor. Methods raise refusals
from :mod:`smartops.errors`; anything else a backend raises is a bug and its
text stays in the log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal, Self, TypeVar

from .errors import BackendUnavailable, Refusal

T = TypeVar("T")

State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Metric = Literal["cpu", "memory", "disk"]
Verb = Literal["start", "stop", "reboot"]


class Backend(ABC):
    """Something operated on. Subclasses set ``name``, the word used in configuration and logs.

    A plugin may register several of one kind, such as one for each account and
    region; each has a name of its own (``prod/eu-central-1``). Where several
    offer one capability, commands are given all of them as one.
    """

    name: str

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the backends this one speaks for: its own, unless it joins several."""
        return (self.name,)

    @abstractmethod
    async def ping(self) -> None:
        """Return if the backend can be reached, else raise BackendUnavailable; change nothing."""


NAME_TAG = "Name"
"""The tag that holds an instance's name."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine. ``id`` is immutable and no other's; ``name`` may be empty or shared.

    ``launched`` has a zone. ``backend`` is the name of the one it came from,
    which alone can be asked about it.
    """

    id: str
    name: str
    type: str
    state: State
    platform: Literal["linux", "windows"]
    private_ip: str = ""
    public_ip: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    launched: datetime | None = None
    backend: str = ""

    @property
    def label(self) -> str:
        """What people call it: the name, else the id."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Query:
    """Which instances. Every given condition must hold; within one, any value will do.

    ``names`` may hold the wildcards ``*`` and ``?``; ``tags`` maps a key to its
    allowed values, none meaning "has the tag". ``cursor`` is a page's
    ``next``; ``limit`` the size of a page, 0 for everything. ``backends`` are
    globs that say, where there are several backends, which are asked; a single
    one need not look at it.
    """

    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limit: int = 0
    cursor: str = ""
    backends: tuple[str, ...] = ()

    def asks(self, backend: str) -> bool:
        """Whether a backend of that name is asked."""
        return not self.backends or any(fnmatchcase(backend, glob) for glob in self.backends)


@dataclass(frozen=True, slots=True)
class Failure:
    """A backend that did not answer while others did, and why."""

    backend: str
    error: Refusal

    def __str__(self) -> str:
        return f"{self.backend}: {self.error.message}"

    @property
    def data(self) -> Mapping[str, str]:
        """The failure as programs get it, one of ``failures``."""
        return {"backend": self.backend, "code": self.error.code, "message": self.error.message}


class PartialMap(dict[str, T]):
    """What could be had, by instance id; ``failures`` say whose part is missing."""

    def __init__(self, found: Mapping[str, T], failures: Iterable[Failure]) -> None:
        super().__init__(found)
        self.failures = tuple(failures)


class PartialList(tuple[T, ...]):
    """What could be had, in order; ``failures`` say whose part is missing."""

    failures: tuple[Failure, ...]

    def __new__(cls, found: Iterable[T], failures: Iterable[Failure]) -> Self:
        """Return the results with what is known to be missing."""
        made = super().__new__(cls, found)
        made.failures = tuple(failures)
        return made


def failures_of(result: object) -> tuple[Failure, ...]:
    """Return whose part is missing from what a backend answered; nobody's, unless it says so."""
    failures: tuple[Failure, ...] = getattr(result, "failures", ())
    return failures


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing, by name then id. ``counts`` is over all that match, by state.

    ``failures`` say whose instances are neither shown nor counted.
    """

    instances: tuple[Instance, ...]
    counts: Mapping[str, int]
    next: str = ""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """What a verb did to one instance."""

    id: str
    before: State
    after: State


class Compute(Backend):
    """Machines that can be listed, started and stopped."""

    @abstractmethod
    async def list(self, query: Query) -> Page:
        """Return the instances that match."""

    @abstractmethod
    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what ``act`` would raise (a missing right, a protected machine); change nothing."""

    @abstractmethod
    async def act(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot, all or none where the platform can; returns once accepted.

        If it was done to some and not to others it raises, and says to which.
        """

    @abstractmethod
    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Raise what ``tag`` would raise; change nothing."""

    @abstractmethod
    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Set and remove tags of one instance."""


RunStatus = Literal[
    "pending", "running", "success", "failed", "timed-out", "unreachable", "cancelled"
]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a script went on one instance.

    ``exit_code`` is None if it never ran or has not ended. ``truncated`` says
    that the platform cut the output.
    """

    instance_id: str
    status: RunStatus
    exit_code: int | None = None
    output: str = ""
    errors: str = ""
    seconds: float = 0.0
    truncated: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.status not in ("pending", "running")


class Runner(Backend):
    """Remote execution on instances.

    ``unreachable`` is what a command raises when the one machine it was for
    cannot be reached; a backend may name its own subclass.
    """

    unreachable: type[BackendUnavailable] = BackendUnavailable

    @abstractmethod
    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script and return the platform's id of the run.

        ``limit`` bounds delivery and execution each. ``key`` names the act; a
        platform with idempotency tokens is given it, so that one act sends once.
        """

    @abstractmethod
    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return how the run stands now, one result an instance, in the order they were given.

        Where several backends run it, those of one follow those of the other,
        and the answer may be a PartialList.
        """

    @abstractmethod
    async def cancel(self, run_id: str) -> None:
        """Ask the platform to stop what has not finished."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a series; percentages run from 0 to 100."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Usage:
    """The newest known utilisation of one instance, in percent; None where nothing is measured."""

    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None
    at: datetime | None = None


class Metrics(Backend):
    """Measurements over time.

    Of several backends asked as one, some or all may not answer: what they were
    asked about is then missing, and the answer is a PartialMap that names them.
    """

    @abstractmethod
    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the newest utilisation by instance id; unmeasured instances are left out."""

    @abstractmethod
    async def series(
        self,
        metric: Metric,
        instances: Sequence[Instance],
        *,
        since: datetime,
        period: timedelta,
    ) -> Mapping[str, tuple[Sample, ...]]:
        """Return averages per period from ``since`` until now, oldest first, by instance id."""


@dataclass(frozen=True, slots=True)
class DayCost:
    """What one complete day cost, in one currency."""

    day: date
    amount: float
    currency: str = "USD"


class Costs(Backend):
    """What it all costs.

    The bills of several backends are added up, so what one bills, no other may
    bill too. What only some could be asked about is a PartialList.
    """

    @abstractmethod
    async def daily(self, days: int) -> tuple[DayCost, ...]:
        """Return the last complete days, oldest first; today is not among them.

        Nor is a day that the platform has not finished billing.
        """
