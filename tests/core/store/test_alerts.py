"""Alerts: events in any order become the occurrences that happened."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from smartops.channels import Event
from smartops.store import Silence, Store
from smartops.store.alert_posts import POST_LEASE
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def event(status: str = "firing", *, after: int = 0, fingerprint: str = "f1") -> Event:
    """An event about the occurrence that began ``after`` seconds after the first."""
    started = BEGAN + timedelta(seconds=after)
    return Event(fingerprint, status, "CPU", started, "critical", labels={"host": "web-1"})


async def states(store: Store) -> list[tuple[float, bool]]:
    """When each occurrence began, and whether it fires."""
    found = await store.alerts(resolved_since=0.0)
    return sorted((item.started - BEGAN.timestamp(), item.resolved is None) for item in found)


async def test_an_alert_fires_until_it_is_resolved(store: Store, clock: ManualClock) -> None:
    began = await store.receive("prometheus", [event()])
    assert await store.receive("prometheus", [event()]) == []
    [alert] = await store.alerts()
    assert (alert.id, alert.count, alert.labels) == (began[0], 2, {"host": "web-1"})

    clock.advance(60)
    assert await store.receive("prometheus", [event("resolved")]) == began
    assert await store.alerts() == []
    [alert] = await store.alerts(resolved_since=clock.time() - 1)
    assert alert.resolved == clock.time()


async def test_events_in_any_order_lead_to_the_same_last_occurrence(store: Store) -> None:
    events = [event(), event("resolved"), event(after=10), event("resolved", after=10)]
    for number, order in enumerate(permutations(events)):
        source = f"source-{number}"
        for one in order:
            await store.receive(source, [one])
        of_source = [item for item in await store.alerts() if item.source == source]
        lost = order.index(events[3]) < order.index(events[2])
        assert bool(of_source) == lost, order  # its end came before its beginning was known
        await store.receive(source, [events[3]])
    assert await store.alerts() == []


async def test_a_later_occurrence_ends_the_one_before_it(store: Store) -> None:
    await store.receive("prometheus", [event(), event(after=10), event()])
    assert await states(store) == [(0, False), (10, True)]


async def test_a_later_end_ends_it(store: Store) -> None:
    """A source may report with each state since when it holds, such as a build's start."""
    [alert] = await store.receive("builds", [event()])
    assert await store.receive("builds", [event("resolved", after=10)]) == [alert]
    assert await states(store) == [(0, False)]


async def test_an_end_of_what_never_began_is_no_alert(store: Store) -> None:
    assert await store.receive("prometheus", [event("resolved")]) == []
    assert await states(store) == []


async def test_a_restart_and_another_replica_see_the_same_alerts(url: str, opened) -> None:
    here, there = await opened(url), await opened(url)
    [alert] = await here.receive("prometheus", [event()])
    assert await there.receive("prometheus", [event()]) == []
    assert await there.acknowledge(alert, "bob")
    await here.aclose()
    assert [(it.count, it.acked_by) for it in await there.alerts()] == [(2, "bob")]


async def test_only_what_fires_can_be_acknowledged(store: Store) -> None:
    [alert] = await store.receive("prometheus", [event()])
    assert await store.acknowledge(alert, "bob")
    assert await store.acknowledge(alert, "")
    await store.receive("prometheus", [event("resolved")])
    assert not await store.acknowledge(alert, "bob")
    found = await store.alert(alert)
    assert found is not None
    assert found.acked_by == ""


async def test_a_silence_ends_by_itself_or_before(store: Store, clock: ManualClock) -> None:
    now = clock.time()
    short = Silence("si-1", "bob", "", {"host": "web-*"}, now, now + 60)
    long = Silence("si-2", "bob", "deploy", {"host": "db-1"}, now, now + 120)
    await store.silence(long)
    await store.silence(short)
    assert await store.silences() == [short, long]
    clock.advance(61)
    assert await store.silences() == [long]
    assert await store.unsilence("si-2")
    assert not await store.unsilence("si-2")
    assert await store.silences() == []


async def test_resolved_alerts_and_ended_silences_are_deleted_after_the_retention(
    store: Store, clock: ManualClock
) -> None:
    now = clock.time()
    [firing] = await store.receive("prometheus", [event(fingerprint="f2")])
    await store.receive("prometheus", [event(), event("resolved")])
    await store.silence(Silence("si-1", "bob", "", {"host": "web-1"}, now, now + 60))
    clock.advance(1001)
    while await store.sweep(clock.time()):
        pass
    assert [item.id for item in await store.alerts(resolved_since=0.0)] == [firing]
    assert await store.silences() == []


async def test_a_post_is_begun_once_and_edited_by_one_process_at_a_time(
    url: str, opened, clock: ManualClock
) -> None:
    here, there = await opened(url), await opened(url)
    post = await here.open_post("all", "cpu", "slack/T1/C1", "{}")
    assert post is not None
    assert await there.open_post("all", "cpu", "slack/T1/C1", "{}") is None
    assert not await there.take_post(post)
    await here.change_post(post.id, shown="C1:1", due=clock.time() + 5)
    [shown] = await there.alert_posts()
    assert not await there.take_post(shown)
    clock.advance(5)
    assert await there.take_post(shown)
    assert not await here.take_post(shown)
    clock.advance(POST_LEASE)
    assert await here.take_post(shown)
    await here.change_post(post.id, closed=clock.time())
    assert list(await there.alert_posts()) == []
    assert await there.open_post("all", "cpu", "slack/T1/C1", "{}") is not None
