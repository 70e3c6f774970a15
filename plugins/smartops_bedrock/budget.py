"""The tokens that a person, and all people together, may use in one day.

The maximum cost of a request is reserved before it and corrected after it, so that
a crash or a lost answer counts in full. Each process has its own counters, so that
none overwrites another's; the limits apply to the sum of all.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio

from smartops import Clock, KeyValueStore, RateLimited

from .config import BudgetConfig
from .failures import TYPED

_SPACE = "tokens/"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and requests to the model since midnight UTC."""

    tokens: int = 0
    requests: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.requests + other.requests)


@dataclass(frozen=True, slots=True)
class Reserved:
    """The tokens reserved for one request, and the key of their counter."""

    key: str
    tokens: int


class Budget:
    """Counts tokens, and refuses requests beyond the limits."""

    def __init__(self, limits: BudgetConfig, store: KeyValueStore, clock: Clock) -> None:
        self._limits = limits
        self._store = store
        self._clock = clock
        self._process = secrets.token_hex(6)
        self._lock = anyio.Lock()

    async def reserve(self, person: str, tokens: int) -> Reserved:
        """Reserve tokens for one request; raises RateLimited if too few are left."""
        async with self._lock:
            own, everybody = await self.spent(person)
            for who, spent, limit, key in (
                ("You have", own, self._limits.person, "person"),
                ("All together have", everybody, self._limits.everybody, "everybody"),
            ):
                if spent.tokens >= limit:
                    message = f"{who} reached the daily token budget of the language model"
                    raise self._exhausted(message, limit, key)
                if spent.tokens + tokens > limit:
                    left = f"{limit - spent.tokens:,} tokens left today for the language model"
                    message = f"{who} {left}, and this question may use {tokens:,}"
                    raise self._exhausted(message, limit, key)
            key = f"{self._today()}{_hashed(person)}{self._process}"
            await self._add(key, Spent(tokens, 1))
            return Reserved(key, tokens)

    async def settle(self, reserved: Reserved, used: int) -> None:
        """Count the tokens that a request used instead of those reserved for it."""
        if used != reserved.tokens:
            async with self._lock:
                await self._add(reserved.key, Spent(used - reserved.tokens))

    async def spent(self, person: str) -> tuple[Spent, Spent]:
        """Return what the person used today, and what all people together did."""
        stored = await self._store.items(self._today())
        counters = {key: _load(value) for key, value in stored.items()}
        own = [spent for key, spent in counters.items() if _hashed(person) in key]
        return sum(own, Spent()), sum(counters.values(), Spent())

    async def sweep(self) -> None:
        """Delete the counters of earlier days."""
        today = self._today()
        for key in await self._store.items(_SPACE):
            if key < today:
                await self._store.delete(key)

    def resets_at(self) -> datetime:
        """Return when the counters begin again."""
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC) + timedelta(days=1)

    async def _add(self, key: str, spent: Spent) -> None:
        total = _load(await self._store.get(key)) + spent
        await self._store.put(key, json.dumps([total.tokens, total.requests]))

    def _today(self) -> str:
        return f"{_SPACE}{self._clock.now():%Y-%m-%d}/"

    def _exhausted(self, message: str, limit: int, key: str) -> RateLimited:
        left = (self.resets_at() - self._clock.now()).total_seconds()
        return RateLimited(
            message,
            details=f"{limit:,} tokens a day (plugins.bedrock.budget.{key}); it resets at "
            f"00:00 UTC. {TYPED}",
            retry_after=int(left) + 1,
        )


def _hashed(person: str) -> str:
    return f"{hashlib.sha256(person.encode()).hexdigest()[:32]}/"


def _load(stored: str | None) -> Spent:
    return Spent(*json.loads(stored)) if stored else Spent()
