"""Queries over many machines select exactly what they say, and let others work meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines import machine, machines
from smartops import Instance, Query, ValidationFailed
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

Found = Callable[..., Fake]
CLOUD = Fake.of(FakeConfig(instances=300, seed="listing"), ManualClock())
EVERYTHING: tuple[Instance, ...] = anyio.run(CLOUD.list, Query()).instances


def fits(pattern: str, name: str) -> bool:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(translated, name) is not None


def holds(query: Query, item: Instance) -> bool:
    """Say in the plainest way whether a query asks for an instance."""
    return (
        (not query.ids or item.id in query.ids)
        and (not query.names or any(fits(name, item.name) for name in query.names))
        and (not query.addresses or bool({item.private_ip, item.public_ip} & {*query.addresses}))
        and (not query.states or item.state in query.states)
        and (not query.platforms or item.platform in query.platforms)
        and (not query.types or item.type in query.types)
        and all(
            key in item.tags and (not values or item.tags[key] in values)
            for key, values in query.tags.items()
        )
    )


def some(values: list[str]) -> Any:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


QUERIES = st.builds(
    Query,
    ids=st.one_of(st.just(()), some([item.id for item in EVERYTHING] + ["i-none"])),
    names=some(["*", "web-*", "*-prod-*", "?pi*", "*01", "web-prod-01", "none", "w*-*-0?", "a.*"]),
    addresses=st.one_of(st.just(()), some([item.private_ip for item in EVERYTHING])),
    states=some(["running", "stopped", "terminated"]),
    platforms=some(["linux", "windows"]),
    types=some(sorted({item.type for item in EVERYTHING})),
    tags=st.dictionaries(
        st.sampled_from(["Environment", "Role", "Team", "None"]),
        some(["production", "staging", "web", "database", "data"]),
        max_size=2,
    ),
    limit=st.sampled_from([0, 1, 7, 50]),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(query=QUERIES)
async def test_a_query_selects_what_the_plainest_reading_does(query: Query) -> None:
    expected = [item for item in EVERYTHING if holds(query, item)]
    collected: list[Instance] = []
    cursor = ""
    while True:
        page = await CLOUD.list(Query(**{**parts(query), "cursor": cursor}))
        collected += page.instances
        counts = dict.fromkeys(page.counts, 0)
        for item in expected:
            counts[item.state] = counts.get(item.state, 0) + 1
        assert page.counts == counts
        assert not query.limit or len(page.instances) <= query.limit
        cursor = page.next
        if not cursor:
            break
    assert collected == expected


def parts(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in Query.__dataclass_fields__}


async def test_names_may_hold_what_patterns_are_made_of(found: Found) -> None:
    names = ["a.b", "a+b", "axb", "a(b", "a[x]b"]
    cloud = found(fleet=[{"name": name} for name in names])
    for pattern, expected in (("a.?", ["a.b"]), ("a[x]*", ["a[x]b"]), ("*(b", ["a(b"])):
        page = await cloud.list(Query(names=(pattern,)))
        assert [item.name for item in page.instances] == expected


async def test_a_cursor_survives_that_the_listing_changes(found: Found) -> None:
    cloud = found(fleet=[{"id": f"i-{name}", "name": name} for name in "bdf"])
    first = await cloud.list(Query(limit=2))
    await cloud.tag(machine("i-b"), put={"Name": "c"})
    await cloud.tag(machine("i-f"), put={"Name": "e"})
    second = await cloud.list(Query(limit=2, cursor=first.next))
    assert [item.name for item in first.instances + second.instances] == ["b", "d", "e"]


@pytest.mark.parametrize("cursor", ["x", "%%%", "W10", "WzEsMl0", "ünicode", "bnVsbA"])
async def test_cursors_are_only_what_was_handed_out(cloud: Fake, cursor: str) -> None:
    for query in (Query(cursor=cursor, limit=2), Query(cursor=cursor, states=("running",))):
        with pytest.raises(ValidationFailed, match="no such page"):
            await cloud.list(query)


async def turns_of_others(work: Callable[[], Any]) -> int:
    """Return how often another task gets its turn while some work is done."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await anyio.lowlevel.checkpoint()
        turns = 0
        await work()
        group.cancel_scope.cancel()
    return turns


async def test_ten_thousand_machines_leave_others_their_turns(
    found: Found, clock: ManualClock
) -> None:
    cloud = found(instances=10_000)
    page = await cloud.list(Query(limit=25))
    assert len(page.instances) == 25
    assert sum(page.counts.values()) == 10_006
    assert await turns_of_others(lambda: cloud.list(Query())) >= 30
    ids = [item.id for item in (await cloud.list(Query())).instances]
    assert len(set(ids)) == 10_006
    assert await turns_of_others(lambda: cloud.latest(machines(*ids))) >= 100
    hour = clock.now() - timedelta(hours=1)
    period = timedelta(minutes=5)
    few = ids[:200]
    work = lambda: cloud.series("cpu", machines(*few), since=hour, period=period)  # noqa: E731
    assert await turns_of_others(work) >= 10
    assert await turns_of_others(lambda: cloud.daily(14)) >= 30


async def test_a_page_of_many_is_made_without_looking_at_the_others(found: Found) -> None:
    cloud = found(instances=2000)
    page = await cloud.list(Query(limit=25))
    machines = cloud._world.index.order
    assert sum(machine._view is not None for machine in machines) == len(page.instances) == 25


async def test_the_same_seed_makes_the_same_cloud(found: Found) -> None:
    one, same, other = (found(instances=50, seed=seed) for seed in ("a", "a", "b"))
    assert await one.list(Query()) == await same.list(Query())
    assert await one.list(Query()) != await other.list(Query())


async def test_a_larger_cloud_holds_the_smaller(found: Found) -> None:
    small, large = (found(instances=count) for count in (40, 80))
    page = await large.list(Query())
    known = {item.id: item for item in page.instances}
    assert all(known[item.id] == item for item in (await small.list(Query())).instances)


async def test_made_up_machines_are_believable(found: Found) -> None:
    page = await found(fleet=[], instances=500).list(Query())
    assert page.counts["running"] > 5 * page.counts["stopped"] > 0
    assert {item.platform for item in page.instances} == {"linux", "windows"}
    for item in page.instances:
        assert re.fullmatch(r"i-0[0-9a-f]{16}", item.id)
        assert item.tags["Name"] == item.name
        assert {"Environment", "Role", "Team"} <= set(item.tags)
        assert item.state == "running" or not item.public_ip
    assert len({item.name for item in page.instances}) == 500
    assert len({item.private_ip for item in page.instances}) == 500
    assert len({item.launched for item in page.instances}) > 400
