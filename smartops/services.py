"""The services that plugins get: a clock, outbound HTTP, the token verifier, a store.

Most are contracts; their implementations are in higher modules.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import anyio


class Clock:
    """The time; tests inject a manual clock."""

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
        return anyio.fail_after(seconds)

    @contextmanager
    def after(self, seconds: float, call: Callable[[], object]) -> Iterator[None]:
        """Return a context that calls ``call`` if its body takes longer."""
        timer = asyncio.get_running_loop().call_later(seconds, call)
        try:
            yield
        finally:
            timer.cancel()


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
    """A trusted issuer of tokens, and the claims that its tokens must have.

    ``name`` is the provider of the identities in its tokens.
    ``issuers`` are the exact values allowed in ``iss``. ``audiences`` are
    compared ignoring case. ``metadata`` is the URL of the OpenID Connect
    metadata; with ``keys`` (a JWK set, or a function that reads it from a file)
    nothing is fetched. ``claims`` must be
    present with exactly these values. ``subject``, ``tenant`` and ``team`` name
    the claims an identity is made of. ``leeway`` is by how many seconds the
    issuer's clock may differ from ours. ``impersonation`` says that a token with
    the scope ``act`` may name another person as the sender. ``roles`` are the
    roles that each value of the claim ``roles_claim`` gives.
    """

    name: str
    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    metadata: str = ""
    keys: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    subject: str = "sub"
    tenant: str = "tid"
    team: str = ""
    leeway: float = 30.0
    impersonation: bool = False
    roles_claim: str = ""
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid token: its claims, the JWK that signed it, and its issuer."""

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
        """Return the unverified ``iss``, to select a channel, or an empty string."""
        ...


class KeyValueStore(Protocol):
    """A plugin's durable values by key. Small: keys to 255 characters, values to 64 KiB."""

    async def get(self, key: str) -> str | None:
        """Return the value, or None."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Store a value; it is durable when this returns."""
        ...

    async def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        ...

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        """Return everything whose key begins with ``prefix``."""
        ...

    async def swap(self, key: str, old: str | None, new: str | None) -> bool:
        """Store ``new`` if the value is ``old``, and return whether it was.

        Of several replicas that do so at once, one succeeds.
        None stands for no value: as ``old`` there must be none, as ``new`` it is deleted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Handed to the hooks that ask for ``services``.

    ``issuers`` are those of ``auth.issuers`` in the configuration.
    ``anonymous`` is True under the development setting that allows unauthenticated
    requests from loopback addresses. ``max_depth`` is ``server.max_depth``, for
    :func:`~smartops.wire.parse_json`. ``plugin`` is the name of the plugin in the
    configuration, and ``kv`` has its durable values once the app runs. ``policy_tags``
    maps the keys of tags that rules of the policy look at to the name of such a
    rule; it is complete once all commands are registered.

    ``capabilities`` are the backends of the capabilities that commands ask for, and of
    Compute; it is complete once the app runs.

    ``shared`` are objects that plugins share with others, by their types. A
    plugin adds them in ``setup``; those of all plugins are there from
    ``register_backends`` on. The kit of a plugin wraps this for those who use it.
    """

    clock: Clock
    http: HttpClient
    verifier: Verifier
    issuers: tuple[Issuer, ...] = ()
    anonymous: bool = False
    max_depth: int = 32
    policy_tags: dict[str, str] = field(default_factory=dict)
    capabilities: dict[type, Any] = field(default_factory=dict)
    shared: dict[type, Any] = field(default_factory=dict)
    plugin: str = ""
    key_value_stores: Callable[[str], KeyValueStore] | None = field(default=None, repr=False)

    @property
    def kv(self) -> KeyValueStore:
        """The key-value store of the plugin."""
        if self.key_value_stores is None:
            raise LookupError("there is no key-value store here")
        return self.key_value_stores(self.plugin)

    def of(self, plugin: str) -> Services:
        """Return the services of a plugin."""
        return replace(self, plugin=plugin)
