"""Tokens that a person, and all together, may use in one day.

What a request may cost is set aside before it is made and corrected by what it
did cost, so that a crash or an answer that never came counts as used. Each
process has counters of its own, which are added up: none can lose another's.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio

from smartops import Clock, KeyValueStore, RateLimited

from .config import BudgetConfig
from .failures import TYPED

_SPACE = "tokens/"


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used since midnight UTC: tokens, and requests to the model."""

    tokens: int = 0
    requests: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.requests + other.requests)


@dataclass(frozen=True, slots=True)
class Reserved:
    """Tokens set aside for one request, under the key they are counted with."""

    key: str
    tokens: int


class Budget:
    """Counts what is used, and refuses what goes beyond."""

    def __init__(self, limits: BudgetConfig, store: KeyValueStore, clock: Clock) -> None:
        self._limits = limits
        self._store = store
        self._clock = clock
        self._process = secrets.token_hex(6)
        self._turn = anyio.Lock()

    async def reserve(self, person: str, tokens: int) -> Reserved:
        """Set tokens aside for one request; raises RateLimited if they are not left."""
        async with self._turn:
            counters = await self._counters()
            own = _sum(counters, _of(person))
            if own.tokens + tokens > self._limits.person:
                raise self._exhausted("You have", self._limits.person, "person")
            if _sum(counters).tokens + tokens > self._limits.everybody:
                raise self._exhausted("All together have", self._limits.everybody, "everybody")
            key = f"{self._today()}{_of(person)}{self._process}"
            await self._put(key, counters.get(key, Spent()) + Spent(tokens, 1))
            return Reserved(key, tokens)

    async def settle(self, reserved: Reserved, used: int) -> None:
        """Count what a request did use instead of what was set aside for it."""
        if used == reserved.tokens:
            return
        async with self._turn:
            counted = _read(await self._store.get(reserved.key))
            await self._put(reserved.key, counted + Spent(used - reserved.tokens))

    async def spent(self, person: str) -> tuple[Spent, Spent]:
        """Return what the person used today, and what all together did."""
        counters = await self._counters()
        return _sum(counters, _of(person)), _sum(counters)

    async def sweep(self) -> None:
        """Forget what was used before today."""
        today = self._today()
        for key in await self._store.items(_SPACE):
            if key < today:
                await self._store.delete(key)

    def renewed(self) -> datetime:
        """Return when everybody may use as much again."""
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC) + timedelta(days=1)

    async def _counters(self) -> dict[str, Spent]:
        kept = await self._store.items(self._today())
        return {key: _read(value) for key, value in kept.items()}

    async def _put(self, key: str, spent: Spent) -> None:
        await self._store.put(key, json.dumps([spent.tokens, spent.requests]))

    def _today(self) -> str:
        return f"{_SPACE}{self._clock.now():%Y-%m-%d}/"

    def _exhausted(self, who: str, limit: int, key: str) -> RateLimited:
        left = (self.renewed() - self._clock.now()).total_seconds()
        return RateLimited(
            f"{who} reached the daily token budget of the language model",
            details=f"{limit:,} tokens a day (plugins.bedrock.budget.{key}); it resets at "
            f"00:00 UTC. {TYPED}",
            retry_after=int(left) + 1,
        )


def _of(person: str) -> str:
    return f"{hashlib.sha256(person.encode()).hexdigest()[:32]}/"


def _sum(counters: dict[str, Spent], person: str = "") -> Spent:
    chosen: Iterable[Spent] = (spent for key, spent in counters.items() if person in key)
    return sum(chosen, Spent())


def _read(kept: str | None) -> Spent:
    return Spent(*json.loads(kept)) if kept else Spent()
