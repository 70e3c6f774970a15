"""Alerts, by the events that sources report, and silences."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from smartops.event import Event
from smartops.jsonable import members

from .access import Access
from .rows import Alert, Silence
from .tables import alerts, silences


class Alerts(Access):
    """Alerts and silences, shared by all replicas."""

    async def receive(self, source: str, events: Sequence[Event]) -> list[str]:
        """Store what a source reports; return the ids of the alerts that began or ended by it.

        Events may be repeated, and arrive in any order: one about an earlier occurrence than
        the last known, or one that is firing although it was resolved, changes nothing. All
        are durable when this returns.
        """
        if not events:
            return []

        def store(connection: Connection) -> list[str]:
            changed = (self._received(connection, source, event) for event in events)
            return list(dict.fromkeys(filter(None, changed)))

        return await self._write(store, repeatable=False)

    def _received(self, connection: Connection, source: str, event: Event) -> str:
        """Store an event; return the id of its alert if that began or ended."""
        now, started = self._clock.time(), event.started.timestamp()
        of_source = alerts.c.source == source, alerts.c.fingerprint == event.fingerprint
        query = select(alerts).where(*of_source).order_by(alerts.c.started.desc()).limit(1)
        last = connection.execute(query).mappings().first()
        if last is not None and started < last["started"]:
            return ""
        if last is not None and (started == last["started"] or event.status == "resolved"):
            return _repeated(connection, last, event, now)
        if event.status == "resolved":
            return ""  # it was never known to fire
        if last is not None and last["resolved"] is None:
            _change(connection, alerts.c.id == last["id"], resolved=now)
        alert = f"al-{secrets.token_hex(6)}"
        known = {"id": alert, "source": source, "fingerprint": event.fingerprint}
        own = {"started": started, "received": now, "last": now, "count": 1}
        connection.execute(insert(alerts).values(**known, **own, **_described(event)))
        return alert

    async def alerts(self, *, resolved_since: float | None = None, limit: int = 100) -> list[Alert]:
        """Return what fires, newest first; and what was resolved since then."""
        wanted: ColumnElement[bool] = alerts.c.resolved.is_(None)
        if resolved_since is not None:
            wanted = wanted | (alerts.c.resolved >= resolved_since)
        order = alerts.c.started.desc(), alerts.c.id
        rows = await self._read(select(alerts).where(wanted).order_by(*order).limit(limit))
        return [_alert_of(row) for row in rows]

    async def alert(self, id: str) -> Alert | None:
        """Return an alert."""
        rows = await self._read(select(alerts).where(alerts.c.id == id))
        return _alert_of(rows[0]) if rows else None

    async def acknowledge(self, id: str, person: str) -> bool:
        """Note who works on an alert, empty for no person; False if it does not fire."""
        at = self._clock.time() if person else None
        firing = (alerts.c.id == id) & alerts.c.resolved.is_(None)
        return await self._write(
            lambda connection: _change(connection, firing, acked_by=person, acked_at=at)
        )

    async def silence(self, silence: Silence) -> None:
        """Store a silence."""
        row = members(silence) | {"matchers": json.dumps(dict(silence.matchers))}
        await self._write(lambda connection: connection.execute(insert(silences).values(row)))

    async def silences(self) -> list[Silence]:
        """Return the silences in effect, first the one that ends first."""
        query = select(silences).where(silences.c.until > self._clock.time())
        rows = await self._read(query.order_by(silences.c.until, silences.c.id))
        return [Silence(**{**row, "matchers": json.loads(row["matchers"])}) for row in rows]

    async def unsilence(self, id: str) -> bool:
        """Delete a silence; False if there is none in effect."""
        one = delete(silences).where(silences.c.id == id, silences.c.until > self._clock.time())
        return await self._write(lambda connection: connection.execute(one).rowcount == 1)


def _repeated(connection: Connection, last: RowMapping, event: Event, now: float) -> str:
    """Store another event about a known occurrence; return its id if that ended."""
    if last["resolved"] is not None:
        return ""
    ended = {"resolved": now} if event.status == "resolved" else {}
    news = {"last": now, "count": last["count"] + (not ended), **ended, **_described(event)}
    _change(connection, alerts.c.id == last["id"], **news)
    return str(last["id"]) if ended else ""


def _described(event: Event) -> dict[str, Any]:
    return {
        "severity": event.severity,
        "title": event.title,
        "text": event.text,
        "labels": json.dumps(dict(event.labels)),
        "links": json.dumps(dict(event.links)),
    }


def _change(connection: Connection, which: ColumnElement[bool], **values: Any) -> bool:
    return connection.execute(update(alerts).where(which).values(values)).rowcount == 1


def _alert_of(row: RowMapping) -> Alert:
    parsed = {name: json.loads(row[name]) for name in ("labels", "links")}
    return Alert(**{**row, **parsed})
