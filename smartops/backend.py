"""The contracts of backends, by capability.

Commands ask for a capability (:class:`Compute`, :class:`Runner`,
:class:`Metrics`, :class:`Costs`), never for a vendor. Methods raise the errors of
:mod:`smartops.errors`; any other exception is a bug of the backend, and its text
is only logged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, Self, TypeVar, get_args

from .errors import BackendUnavailable, Refusal
from .patterns import pattern_matcher

T = TypeVar("T")

State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Metric = Literal["cpu", "memory", "disk"]
Verb = Literal["start", "stop", "reboot"]


class Backend(ABC):
    """An object that talks to one system. Subclasses set ``name``, used in configuration and logs.

    An abstract subclass is a capability, which commands can ask for. A plugin may
    register several backends of one class, such as one for each account and
    region, with unique names (``prod/eu-central-1``). If several offer one
    capability, commands are given all of them as one object: what the capability's
    classmethod ``join(backends, clock)`` returns. Without ``join`` all are asked,
    and their lists or mappings joined; every abstract method must return one.
    """

    name: str

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the backends that this one groups; for a single backend, its own."""
        return (self.name,)

    @abstractmethod
    async def ping(self) -> None:
        """Raise BackendUnavailable if the backend cannot be reached; change nothing."""


NAME_TAG = "Name"
"""The key of the tag with an instance's name."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A machine. ``id`` is immutable and unique; ``name`` may be empty or shared.

    ``launched`` has a time zone. ``backend`` is the name of its backend.
    ``state_reason`` is what the platform says about why it is in its state. A
    ``spot`` instance runs on spare capacity, which the platform may take back.
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
    state_reason: str = ""
    spot: bool = False

    @property
    def label(self) -> str:
        """The name, or the id if it has no name."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Query:
    r"""A selection of instances. All given conditions must hold; values of one are alternatives.

    ``names``, ``types`` and the values of ``tags`` may contain the wildcards ``*``
    and ``?``; a ``\`` before a character makes it literal. The case of names and
    types is ignored. ``tags`` maps a key to its allowed values, and to no values
    for "has the tag". ``cursor`` is the ``next``
    of a page; ``limit`` is the page size, 0 for all. ``backends`` are globs that
    select among several backends; a single backend ignores them. ``follows`` says
    that it is for a later page of several backends' listing, also without a
    cursor of this backend: what was read for the first page may be used again.
    """

    EXISTING: ClassVar[tuple[State, ...]] = tuple(s for s in get_args(State) if s != "terminated")
    """The states of instances that exist. Terminated ones are listed only if they are asked for."""

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
    follows: bool = False

    def asks(self, backend: str) -> bool:
        """Whether the query includes a backend of that name."""
        return not self.backends or any(fnmatchcase(backend, glob) for glob in self.backends)

    def matcher(self) -> Callable[[Instance], bool]:
        """Return the test whether an instance meets all conditions, ``backends`` excepted."""
        ids, addresses = frozenset(self.ids), frozenset(self.addresses) - {""}
        named = pattern_matcher(self.names, ignore_case=True)
        typed = pattern_matcher(self.types, ignore_case=True)
        tagged = {key: pattern_matcher(values) for key, values in self.tags.items()}

        def matches(item: Instance) -> bool:
            return (
                (not ids or item.id in ids)
                and (not self.names or named(item.name))
                and (not self.addresses or bool({item.private_ip, item.public_ip} & addresses))
                and (not self.states or item.state in self.states)
                and (not self.platforms or item.platform in self.platforms)
                and (not self.types or typed(item.type))
                and all(
                    key in item.tags and (not values or tagged[key](item.tags[key]))
                    for key, values in self.tags.items()
                )
            )

        return matches

    def matches(self, instance: Instance) -> bool:
        """Whether one instance meets all conditions; use :meth:`matcher` for many."""
        return self.matcher()(instance)


@dataclass(frozen=True, slots=True)
class Failure:
    """A backend that failed while others answered, and its error."""

    backend: str
    error: Refusal

    def __str__(self) -> str:
        return f"{self.backend}: {self.error.message}"

    @property
    def data(self) -> Mapping[str, str]:
        """The failure in a reply's data: an element of ``failures``."""
        return {"backend": self.backend, "code": self.error.code, "message": self.error.message}


class PartialMap(dict[str, T]):
    """Partial results by instance id; ``failures`` are the backends whose part is missing."""

    def __init__(self, found: Mapping[str, T], failures: Iterable[Failure]) -> None:
        super().__init__(found)
        self.failures = tuple(failures)


class PartialList(tuple[T, ...]):
    """Partial results in order; ``failures`` are the backends whose part is missing."""

    failures: tuple[Failure, ...]

    def __new__(cls, found: Iterable[T], failures: Iterable[Failure]) -> Self:
        """Return the results, with the failures."""
        made = super().__new__(cls, found)
        made.failures = tuple(failures)
        return made


def failures_of(result: object) -> tuple[Failure, ...]:
    """Return the failures of a partial result; empty for a complete one."""
    failures: tuple[Failure, ...] = getattr(result, "failures", ())
    return failures


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, sorted by name and id. ``counts`` are all matches by state.

    The instances of the backends in ``failures`` are neither listed nor counted.
    """

    instances: tuple[Instance, ...]
    counts: Mapping[str, int]
    next: str = ""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """The state of one instance before and after a verb."""

    id: str
    before: State
    after: State


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that the platform reports of an instance, and since or for when."""

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What the platform reports of an instance: failed status checks, and scheduled events."""

    failed: tuple[Notice, ...] = ()
    scheduled: tuple[Notice, ...] = ()


class Compute(Backend):
    """Machines that can be listed, started and stopped."""

    @abstractmethod
    async def list(self, query: Query) -> Page:
        """Return the instances that match."""

    async def conditions(self, instances: Sequence[Instance]) -> Mapping[str, Condition]:
        """Return what the platform reports, by id, of the instances with something to report.

        If some of several backends fail, the result is a PartialMap. A platform
        without status checks returns nothing.
        """
        return {}

    @abstractmethod
    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what ``change`` would raise, such as for a missing right; change nothing."""

    @abstractmethod
    async def change(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot the instances; returns when the platform has accepted it.

        Changes all or none if the platform can; else raises an error that names
        the instances that were changed.
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
    """The result of a script on one instance.

    ``exit_code`` is None if it did not run or has not ended. ``truncated``: the
    platform cut the output.
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
        """Whether the result is final."""
        return self.status not in ("pending", "running")


class Runner(Backend):
    """Remote execution on instances.

    ``unreachable`` is the error that a command raises if its only target cannot be
    reached; a backend may set a subclass.
    """

    unreachable: type[BackendUnavailable] = BackendUnavailable

    @abstractmethod
    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script and return the platform's id of the run.

        ``limit`` bounds delivery and execution each. ``key`` is the idempotency
        key, passed to platforms that have idempotency tokens.
        """

    @abstractmethod
    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return the current results, one for each instance, in the order of ``send``.

        If several backends run it, the results are ordered by backend, and may be
        a PartialList.
        """

    @abstractmethod
    async def cancel(self, run_id: str) -> None:
        """Ask the platform to stop the run where it has not finished."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a series, in percent from 0 to 100."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Usage:
    """The latest utilisation of one instance, in percent; None for what is not measured."""

    cpu: float | None = None
    memory: float | None = None
    disk: float | None = None
    at: datetime | None = None


class Metrics(Backend):
    """Measurements over time.

    If some of several backends fail, their instances are missing, and the result is
    a PartialMap that names the backends.
    """

    @abstractmethod
    async def latest(self, instances: Sequence[Instance]) -> Mapping[str, Usage]:
        """Return the latest utilisation by instance id, without unmeasured instances."""

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
    """The costs of one complete day in one currency, or the part of a ``group`` in them."""

    day: date
    amount: float
    currency: str = "USD"
    group: str = ""


class Costs(Backend):
    """Daily costs.

    The costs of several backends are added, so no two may report the same costs.
    If some fail, the result is a PartialList.
    """

    @abstractmethod
    async def daily(self, days: int, by: str = "") -> tuple[DayCost, ...]:
        """Return the last complete days, oldest first; for each group of ``by``, if it is given.

        Groups are by ``service``, ``account``, ``region`` or ``tag:KEY``; every day
        has the same ones. Raises ValidationFailed for groups that it cannot make.
        Today, and days that the platform has not finished billing, are left out.
        """
