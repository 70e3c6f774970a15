"""Copying the audit log to sinks: one reader for each, which never delays a message.

The position of a reader is in the database, so that it continues after a crash, in one replica
at a time. While a sink cannot be reached, the reader waits longer from time to time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from smartops.builtin import event_data
from smartops.config.settings import AuditSettings
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable
from smartops.services import Clock, HttpClient
from smartops.sink import AuditBatch, AuditSink
from smartops.store import Link, Position, Store

from .collector import Collector
from .syslog import Syslog

log = logging.getLogger("smartops.audit")

TICK = 2.0
"""Seconds between two looks at the audit log."""
SETTLE = 10.0
"""Seconds after which an event is sent: by then replicas have committed those with lower ids."""
BATCH = 200
"""The maximum number of events in a batch."""
TIMEOUT = 30.0
LEASE = 90.0
LONGEST = 300.0
"""The maximum number of seconds until a sink that failed is tried again."""


@dataclass(eq=False)
class SinkReader:
    """Reads the audit log for one sink. ``behind`` is how many events it has still to get."""

    sink: AuditSink
    store: Store
    clock: Clock
    measured: Callable[[str, int], None]
    behind: int = 0
    _problem: str = ""
    _ends: list[tuple[float, Position]] = field(default_factory=list)
    _failures: int = 0

    @property
    def problem(self) -> str:
        """What is wrong, and how far the sink is behind; empty if nothing is wrong."""
        return self._problem and f"{self._problem}; {self.behind} audit events wait"

    async def forever(self) -> None:
        """Send what is new every few seconds until cancelled."""
        while True:
            with Caught(log, "the audit log cannot be read for the sink %s", self.sink.name):
                while await self.once():
                    pass
            await self.clock.sleep(min(TICK * 2**self._failures, LONGEST))

    async def once(self) -> bool:
        """Send a batch; return whether there may be more to send."""
        end = await self._settled()
        position = await self.store.take_sink(self.sink.name, LEASE)
        sent = False
        if position is not None:
            if position.event > self._ends[-1][1].event:
                position = position._replace(event=0)  # SQLite began again with an empty table
            sent = await self._send(position, end)
        stored = await self.store.sink_position(self.sink.name)
        self.behind = max(0, self._ends[-1][1].event - stored.event)
        self.measured(self.sink.name, self.behind)
        return sent

    async def _settled(self) -> Position:
        """Return the end of the audit log a while ago."""
        now = self.clock.time()
        self._ends.append((now, await self.store.newest()))
        while len(self._ends) > 1 and self._ends[1][0] <= now - SETTLE:
            del self._ends[0]
        at, end = self._ends[0]
        return end if at <= now - SETTLE else Position()

    async def _send(self, position: Position, end: Position) -> bool:
        links, notes, last = await self.store.audit_after(position, end, BATCH)
        if not links and not notes:
            return False
        batch = AuditBatch([_event(link) for link in links], notes)
        with Caught() as caught:
            try:
                with self.clock.fail_after(TIMEOUT):
                    await contained(self.sink.name, self.sink.send(batch))
            except TimeoutError:
                raise BackendUnavailable(f"no answer within {TIMEOUT:g} seconds") from None
        if caught.error is not None:
            self._failed(caught.error)
            return False
        if self._failures:
            log.warning("the audit sink %s is back", self.sink.name)
        self._failures, self._problem = 0, ""
        await self.store.advance_sink(self.sink.name, last)
        return True

    def _failed(self, error: BaseException) -> None:
        known = isinstance(error, BackendUnavailable)
        self._problem = str(error) if known else "failed; see the log"
        if not self._failures:
            trace = None if known else error
            log.error("the audit sink %s failed: %s", self.sink.name, error, exc_info=trace)
        self._failures = min(self._failures + 1, 10)


def _event(link: Link) -> dict[str, object]:
    place = {"chain": link.chain, "seq": link.seq, "hash": link.hash}
    return event_data(link.event) | place


def own_sinks(settings: AuditSettings, http: HttpClient, clock: Clock) -> Iterator[AuditSink]:
    """Yield the sinks of the section ``audit``."""
    if settings.syslog:
        yield Syslog(settings.syslog, clock)
    if settings.http:
        yield Collector(settings.http, http)
