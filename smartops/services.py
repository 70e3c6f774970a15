"""What SmartOps hands to plugins: a clock, outbound HTTP, and the token verifier.

These are contracts and small values; the implementations live further up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import methodcaller
from typing import Any, Generic, Protocol, TypeVar

import anyio

Item = TypeVar("Item", bound=Hashable)

_LENGTHS = 64
"""How many lengths of time have one timer each; any others have one each time."""


class Deadlines(Generic[Item]):
    """Calls ``late`` with each item that was begun ``seconds`` ago and has not ended.

    A timer for every request costs as much as reading it, and nearly all are
    cancelled. Where all deadlines are equally long, the oldest item is the first
    to be late, so that one timer can watch over all.
    """

    def __init__(self, seconds: float, late: Callable[[Item], object]) -> None:
        self._seconds = seconds
        self._late = late
        self._ends: dict[Item, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that watches

    def begin(self, item: Item) -> None:
        """Start the item's time, or start it anew."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        if self._loop is not loop:
            self._loop, self._ends = loop, {}
            loop.call_at(end, self._look)
        self._ends.pop(item, None)  # so that it goes to the end of the line
        self._ends[item] = end

    def end(self, item: Item) -> None:
        """Stop the item's time; it may have run out."""
        self._ends.pop(item, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._ends:
            item, end = next(iter(self._ends.items()))
            if end > now:
                loop.call_at(end, self._look)
                return
            del self._ends[item]
            self._late(item)
        self._loop = None


class _Limited(AbstractContextManager[anyio.CancelScope]):
    """A context that raises TimeoutError if its body takes longer."""

    __slots__ = ("_deadlines", "_late", "_scope")

    def __init__(self, deadlines: Deadlines[_Timed]) -> None:
        self._deadlines = deadlines
        self._scope = anyio.CancelScope()
        self._late = False

    def __enter__(self) -> anyio.CancelScope:
        self._deadlines.begin(self)
        return self._scope.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        self._deadlines.end(self)
        handled = self._scope.__exit__(*error)
        if self._late and self._scope.cancelled_caught:
            raise TimeoutError
        return handled

    def give_up(self) -> None:
        self._late = True
        self._scope.cancel()


class _Noticed(AbstractContextManager[None]):
    """A context that does something, as its body would, if that takes longer."""

    __slots__ = ("_act", "_context", "_deadlines")

    def __init__(self, deadlines: Deadlines[_Timed], act: Callable[[], object]) -> None:
        self._deadlines = deadlines
        self._act = act
        self._context = copy_context()

    def __enter__(self) -> None:
        self._deadlines.begin(self)

    def __exit__(self, *error: object) -> None:
        self._deadlines.end(self)

    def give_up(self) -> None:
        self._context.run(self._act)


_Timed = _Limited | _Noticed


class Clock:
    """Time, injected everywhere so that tests move it by hand."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    def fail_after(self, seconds: float) -> AbstractContextManager[Any]:
        """Return a context that raises TimeoutError if its body takes longer."""
        return _Limited(self._deadline(seconds))

    def after(self, seconds: float, act: Callable[[], object]) -> AbstractContextManager[None]:
        """Return a context that calls ``act`` if its body takes longer."""
        return _Noticed(self._deadline(seconds), act)

    def _deadline(self, seconds: float) -> Deadlines[_Timed]:
        found = self._deadlines.get(seconds)
        if found is None:
            found = Deadlines[_Timed](seconds, methodcaller("give_up"))
            if len(self._deadlines) < _LENGTHS:
                self._deadlines[seconds] = found
        return found

    @cached_property
    def _deadlines(self) -> dict[float, Deadlines[_Timed]]:
        return {}


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The answer to an outbound request; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """Outbound HTTP. Follows no redirects."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> HttpReply:
        """Send one request and read the whole answer.

        Raises BackendUnavailable if there is no answer in time or it is larger
        than ``max_bytes``, and its subclass Unreachable if nothing was sent. An
        HTTP error status is an answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody whose tokens are trusted, and what such a token must say.

    ``name`` becomes the provider of the identities it vouches for.
    ``issuers`` are the exact values allowed in ``iss``. ``audiences`` are
    compared ignoring case. ``metadata`` is the URL of the OpenID Connect
    metadata; with ``keys`` (a JWK set) nothing is fetched. ``claims`` must be
    present with exactly these values. ``subject``, ``tenant`` and ``team`` name
    the claims an identity is made of.
    """

    name: str
    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    metadata: str = ""
    keys: Mapping[str, Any] | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    subject: str = "sub"
    tenant: str = "tid"
    team: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that holds: its claims, the JWK set entry that signed it, and who issued it."""

    claims: Mapping[str, Any]
    key: Mapping[str, Any]
    issuer: Issuer


class Verifier(Protocol):
    """The one verifier of bearer tokens."""

    async def verify(self, authorization: str | None, issuers: tuple[Issuer, ...]) -> Verified:
        """Verify an ``Authorization`` header against the issuers given.

        Raises AuthenticationFailed, without saying why to the sender; the
        reason is logged.
        """
        ...

    def peek_issuer(self, authorization: str | None) -> str:
        """Return the unverified ``iss``, or an empty string. It selects; it proves nothing."""
        ...


class Shelf(Protocol):
    """A plugin's own durable facts, by key. Small: keys to 255 characters, values to 64 KiB."""

    async def get(self, key: str) -> str | None:
        """Return the value, or None."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Keep a value; durable when it returns."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a value; forgetting what is not there is no error."""
        ...

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        """Return everything whose key begins with ``prefix``."""
        ...


def _no_shelf(name: str) -> Shelf:
    raise LookupError(f"there is no store here to keep the facts of {name} in")


@dataclass(frozen=True, slots=True)
class Services:
    """Handed to the hooks that ask for ``services``.

    ``issuers`` are those of ``auth.issuers`` in the configuration.
    ``anonymous`` is true only under the development setting that lets anybody
    in from a loopback address. ``max_depth`` is ``server.max_depth``, for
    :func:`~smartops.wire.parse_json`. ``shelf(NAME)`` returns the durable
    facts of the plugin NAME; they can be used once the app runs. ``policy_tags``
    maps the keys of tags that rules of the policy look at to the name of such a
    rule; it is complete once all commands are registered.
    """

    clock: Clock
    http: HttpClient
    verifier: Verifier
    issuers: tuple[Issuer, ...] = ()
    anonymous: bool = False
    max_depth: int = 32
    shelf: Callable[[str], Shelf] = _no_shelf
    policy_tags: Mapping[str, str] = field(default_factory=dict)
