"""A cache of the public keys of trusted issuers.

PyJWT parses the keys. Its ``PyJWKClient`` is not used: it blocks, and fetches again
for every unknown ``kid``, which unauthenticated callers choose. This cache fetches at
most once a minute for unknown kids, and uses the last keys for five days while an
issuer is unavailable.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Never

import anyio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from smartops.addresses import split_url, url_problem
from smartops.errors import BackendUnavailable, StartupError
from smartops.services import Clock, HttpClient, Issuer

from .token import ALGORITHM, Untrusted, short

HOUR = 3600.0
STALE = 1 * HOUR
"""Seconds after which keys are refreshed in the background."""
EXPIRED = 24 * HOUR
"""Seconds after which keys are refreshed before use."""
DEAD = 5 * 24 * HOUR
"""Seconds after which keys that could not be refreshed are no longer used."""
COOL_DOWN = 60.0
"""Seconds between fetches after one without the key."""
FILE_COOL_DOWN = 5.0
"""The same for keys that are read from a file."""
RETRY = 5.0
"""Seconds between fetches after one that failed while there are no keys."""
FETCH_TIMEOUT = 5.0
FETCH_BYTES = 512 * 1024
CHECK_EVERY = 300.0

_log = logging.getLogger("smartops.auth")


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A usable key and its entry in the JWK set."""

    kid: str
    entry: Mapping[str, Any]
    public: RSAPublicKey


@dataclass(slots=True, eq=False)
class KeySet:
    """The keys of one issuer, as last seen.

    ``origin`` is a metadata URL, a function that reads the JWK set, or the set itself.
    """

    name: str
    origin: str | Callable[[], Mapping[str, Any]] | Mapping[str, Any]
    keys: dict[str, Key] = field(default_factory=dict)
    fetched: float | None = None
    failed: float | None = None
    missed: float | None = None
    attempts: int = 0
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def stale(self) -> float:
        """Seconds after which keys are refreshed in the background; local ones at every look."""
        return STALE if isinstance(self.origin, str) else 0

    def usable(self, now: float) -> bool:
        """Whether the keys may be used at all."""
        return self.fetched is not None and now - self.fetched < DEAD

    def due(self, now: float, after: float) -> bool:
        """Whether the keys are older than ``after`` seconds and a fetch may be tried."""
        if _within(self.failed, now, COOL_DOWN if self.usable(now) else RETRY):
            return False
        return not _within(self.fetched, now, after)

    def may_look_again(self, now: float) -> bool:
        """Whether an unknown kid may cause a fetch."""
        cool_down = COOL_DOWN if isinstance(self.origin, str) else FILE_COOL_DOWN
        return not _within(self.missed, now, cool_down)

    def replace(self, entries: Any, now: float) -> None:
        """Use the keys that the issuer publishes now."""
        self.keys, self.fetched, self.failed = read_entries(entries), now, None


def _within(since: float | None, now: float, seconds: float) -> bool:
    """Whether ``since`` is less than that long ago, and not in the future."""
    return since is not None and 0 <= now - since < seconds


class KeyCache:
    """Finds the key for a ``kid``."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._sets: dict[str | int, KeySet] = {}

    async def find(self, issuer: Issuer, kid: str) -> Key:
        """Return the issuer's key of that name; raises Untrusted."""
        keys = self._set_of(issuer)
        now = self._clock.time()
        seen = keys.attempts
        if keys.due(now, EXPIRED):
            await self._refresh(keys, seen)
        if not keys.usable(now):
            raise Untrusted(f"could not fetch the signing keys of {issuer.name}")
        if kid not in keys.keys and keys.may_look_again(now):
            await self._refresh(keys, seen)
        key = keys.keys.get(kid)
        if key is None:
            if keys.attempts != seen:
                keys.missed = now
            raise Untrusted(f"{issuer.name} has no usable key with the kid {short(kid)}")
        return key

    async def keep_fresh(self) -> Never:
        """Refresh used keys once they are an hour old, those of files every 5 minutes.

        Without this task the first token after a day waits for the fetch.
        """
        while True:
            await self._clock.sleep(CHECK_EVERY)
            for keys in tuple(self._sets.values()):
                if keys.due(self._clock.time(), keys.stale):
                    await self._refresh(keys, keys.attempts)

    def _set_of(self, issuer: Issuer) -> KeySet:
        origin = issuer.metadata if issuer.keys is None else issuer.keys
        mark = origin if isinstance(origin, str) else id(origin)
        found = self._sets.get(mark)
        if found is None:
            if isinstance(origin, str) and (problem := url_problem(origin)):
                raise Untrusted(f"the metadata URL of {issuer.name} {problem}")
            found = self._sets[mark] = KeySet(issuer.name, origin)
        return found

    async def _refresh(self, keys: KeySet, seen: int) -> None:
        """Fetch, unless another task has fetched since the caller read ``attempts`` as ``seen``."""
        async with keys.lock:
            if keys.attempts != seen:
                return
            now = self._clock.time()
            try:
                keys.replace(await self._entries(keys.origin), now)
            except (BackendUnavailable, StartupError, _Unreadable) as error:
                keys.failed = now
                _log.warning("the keys of %s could not be fetched: %s", keys.name, error)
            keys.attempts += 1

    async def _entries(self, origin: Any) -> Any:
        if isinstance(origin, str):
            return await self._fetch(origin)
        found = await anyio.to_thread.run_sync(origin) if callable(origin) else origin
        return found.get("keys")

    async def _fetch(self, metadata_url: str) -> list[Any]:
        keys_url = (await self._get(metadata_url)).get("jwks_uri")
        if not isinstance(keys_url, str) or _origin(keys_url) != _origin(metadata_url):
            raise _Unreadable(f"jwks_uri is {short(keys_url)}, not an address on the same host")
        entries = (await self._get(keys_url)).get("keys")
        if not isinstance(entries, list):
            raise _Unreadable(f"{keys_url} has no list of keys")
        return entries

    async def _get(self, url: str) -> Mapping[str, Any]:
        reply = await self._http.request(
            "GET",
            url,
            headers={"accept": "application/json"},
            timeout=FETCH_TIMEOUT,
            max_bytes=FETCH_BYTES,
        )
        if reply.status != 200:
            raise _Unreadable(f"{url} answered with the status {reply.status}")
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise _Unreadable(f"{url} answered with something that is not JSON") from None
        if not isinstance(document, dict):
            raise _Unreadable(f"{url} answered with something that is no JSON object")
        return document


class _Unreadable(Exception):
    """The metadata or keys of an issuer cannot be read."""


def read_entries(entries: Any) -> dict[str, Key]:
    """Return the usable keys among the entries of a JWK set, by kid.

    Usable are public RSA keys of 2048 to 8192 bits for RS256 signatures. A kid
    that stands for two different keys stands for none.
    """
    found: dict[str, Key] = {}
    ambiguous: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        key = _read_entry(entry)
        if key is None:
            continue
        if found.setdefault(key.kid, key).entry != key.entry:
            ambiguous.add(key.kid)
    for kid in ambiguous:
        _log.warning("two different keys have the kid %s; neither is used", short(kid))
        del found[kid]
    return found


def _read_entry(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or not _is_for_us(entry):
        return None
    try:
        public = RSAAlgorithm.from_jwk(entry)
    except (InvalidKeyError, ValueError, TypeError, KeyError, AttributeError):
        return None
    # A private key in a public key set is compromised.
    if not isinstance(public, RSAPublicKey) or not 2048 <= public.key_size <= 8192:
        return None
    return Key(entry["kid"], entry, public)


def _is_for_us(entry: Mapping[str, Any]) -> bool:
    """Whether an entry says that it is an RSA key, with a kid, for RS256 signatures."""
    kid, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    return (
        entry.get("kty") == "RSA"
        and isinstance(kid, str)
        and kid != ""
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(operations, list)
        and "verify" in operations
    )


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port of a URL, or None if it is not safe to trust."""
    if url_problem(url) or (parts := split_url(url)) is None:
        return None
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}[parts.scheme]
