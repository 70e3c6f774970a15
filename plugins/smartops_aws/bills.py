"""The bills of a day, in the key-value store of the plugin.

Cost Explorer charges for each request, so all processes share the answers and
the number of requests, also after a restart. Everything about a day is stored
under its date, and deleted when a request is made on a later day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from smartops import (
    BackendUnavailable,
    Clock,
    KeyValueStore,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)

_PAUSE = timedelta(hours=1)  # after the first failure; doubled after each further one
_KINDS: Mapping[str, type[Refusal]] = {
    kind.code: kind for kind in (PermissionDenied, RateLimited, ValidationFailed)
}


class Bill(BaseModel, frozen=True):
    """The costs of each group on each day from ``first`` on."""

    first: date
    days: int
    currency: str
    groups: Mapping[str, tuple[float, ...]]


class Failed(BaseModel, frozen=True):
    """The refusal of a request, and until when no other is made."""

    at: datetime
    until: datetime
    failures: int
    code: str
    message: str
    details: str | None

    @classmethod
    def of(cls, error: Refusal, now: datetime, failures: int) -> Self:
        """Return the failure that follows ``failures`` others of the same day."""
        pause = max(_PAUSE * 2**failures, timedelta(seconds=error.retry_after or 0))
        return cls(
            at=now,
            until=now + pause,
            failures=failures + 1,
            code=error.code,
            message=error.message,
            details=error.details,
        )

    def refusal(self, now: datetime) -> Refusal:
        """Return the refusal, with when Cost Explorer was asked and will be asked again."""
        when = (
            f"Cost Explorer was asked at {self.at:%H:%M} UTC; "
            f"SmartOps asks it again from {self.until:%H:%M} UTC on"
        )
        return _KINDS.get(self.code, BackendUnavailable)(
            self.message,
            details=f"{self.details}. {when}" if self.details else when,
            retry_after=max(1, round((self.until - now).total_seconds())),
        )


class _Stored(BaseModel, frozen=True):
    """The last bill that answered a question, and the failure since then."""

    bill: Bill | None = None
    failed: Failed | None = None


class Bills:
    """The bills of one account. ``per_day`` is how many requests are made for them in a day."""

    def __init__(self, store: KeyValueStore, clock: Clock, account: str, per_day: int) -> None:
        self._store = store
        self._clock = clock
        self._account = account
        self._per_day = per_day

    async def bill(self, question: str, days: int, ask: Callable[[], Awaitable[Bill]]) -> Bill:
        """Return the bill of at least ``days`` days, stored or from ``ask``; raises refusals."""
        now = self._clock.now()
        stored = await self._stored(question)
        if stored.bill and stored.bill.days >= days:
            return stored.bill
        if stored.failed and now < stored.failed.until:
            raise stored.failed.refusal(now)
        await self._count_request()
        try:
            bill = await ask()
        except Refusal as error:
            failed = Failed.of(error, now, stored.failed.failures if stored.failed else 0)
            await self._put(question, _Stored(bill=stored.bill, failed=failed))
            raise failed.refusal(now) from error
        await self._put(question, _Stored(bill=bill))
        return bill

    async def _stored(self, question: str) -> _Stored:
        text = await self._store.get(f"{self._today()}bill {question}")
        try:
            return _Stored.model_validate_json(text or "{}")
        except ValidationError:  # of another version
            return _Stored()

    async def _put(self, question: str, stored: _Stored) -> None:
        await self._store.put(f"{self._today()}bill {question}", stored.model_dump_json())

    async def _count_request(self) -> None:
        """Count a request before it is made; raises RateLimited if the day's are used up.

        It is stored before those of all processes are counted, so that several
        processes at once cannot exceed the limit.
        """
        today = self._today()
        own = f"{today}request {uuid4()}"
        await self._store.put(own, "")
        known = await self._store.items(f"{self._account} ")
        for key in known:
            if not key.startswith(today):
                await self._store.delete(key)
        if sum(key.startswith(f"{today}request ") for key in known) > self._per_day:
            await self._store.delete(own)
            now = self._clock.now()
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            raise RateLimited(
                f"Cost Explorer was asked {self._per_day} times today, which is the limit",
                details="What it answered can be shown. It is asked again after 00:00 UTC; "
                "plugins.aws.costs.requests_per_day is the limit for each account",
                retry_after=round((midnight - now).total_seconds()),
            )

    def _today(self) -> str:
        return f"{self._account} {self._clock.now():%Y-%m-%d} "
