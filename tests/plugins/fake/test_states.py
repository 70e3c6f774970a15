"""Instances: transitions take time by the injected clock, and the rules of EC2 hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from machines import machine, machines
from smartops import Instance, ValidationFailed
from smartops.backends import Query, Verb
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Make = Callable[..., Fake]
Named = Callable[[Fake, str], Awaitable[Instance]]
WEB = "i-0abc123def"


async def state(cloud: Fake, id: str = WEB) -> str:
    (instance,) = (await cloud.list(Query(ids=(id,)))).instances
    return instance.state


async def test_transitions_take_the_configured_time(make: Make, clock: ManualClock) -> None:
    cloud = make(transitions={"stop": "10s", "start": "4m"})
    await cloud.change("stop", machines(WEB))
    clock.advance(9.9)
    assert await state(cloud) == "stopping"
    clock.advance(0.1)
    assert await state(cloud) == "stopped"
    await cloud.change("start", machines(WEB))
    clock.advance(239)
    assert await state(cloud) == "pending"
    clock.advance(1)
    assert await state(cloud) == "running"


async def test_an_instance_is_made_again_only_after_a_change(cloud: Fake) -> None:
    (first,) = (await cloud.list(Query(ids=(WEB,)))).instances
    (again,) = (await cloud.list(Query(ids=(WEB,)))).instances
    assert again is first
    await cloud.tag(first, put={"Team": "search"})
    (changed,) = (await cloud.list(Query(ids=(WEB,)))).instances
    assert changed.tags["Team"] == "search"


async def test_launched_is_the_last_start(cloud: Fake, clock: ManualClock, named: Named) -> None:
    first = clock.now() - timedelta(days=90)
    assert (await named(cloud, "web-server-01")).launched == first
    await cloud.change("reboot", machines(WEB))
    await cloud.change("stop", machines(WEB))
    clock.advance(60)
    assert (await named(cloud, "web-server-01")).launched == first
    started = clock.now()
    await cloud.change("start", machines(WEB))
    assert (await named(cloud, "web-server-01")).launched == started
    clock.advance(60)
    assert (await named(cloud, "web-server-01")).launched == started


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("start", "gone-01"),
        ("stop", "gone-01"),
        ("reboot", "gone-01"),
        ("reboot", "old-01"),
        ("start", "stopping"),
        ("reboot", "stopping"),
        ("stop", "pending"),
        ("reboot", "pending"),
    ],
)
async def test_a_state_that_does_not_allow_a_verb_refuses_it(
    cloud: Fake, clock: ManualClock, named: Named, verb: Verb, name: str
) -> None:
    if name in ("stopping", "pending"):
        await cloud.change("stop", machines(WEB))
    if name == "pending":
        clock.advance(60)
        await cloud.change("start", machines(WEB))
    target = await named(cloud, name if name.endswith("-01") else "web-server-01")
    for call in (cloud.check, cloud.change):
        with pytest.raises(ValidationFailed, match=f"{target.name} is {target.state}") as refused:
            await call(verb, [target])
        assert refused.value.details == f"IncorrectInstanceState: {target.id}"
    assert await state(cloud, target.id) == target.state


async def test_a_protected_instance_refuses_only_to_stop(cloud: Fake, named: Named) -> None:
    db = await named(cloud, "db-01")
    for call in (cloud.check, cloud.change):
        with pytest.raises(ValidationFailed, match="db-01 is protected"):
            await call("stop", machines(WEB, db.id))
    assert await state(cloud) == "running"
    await cloud.change("reboot", machines(db.id))


@pytest.mark.parametrize(
    ("put", "remove"),
    [
        ({"": "a"}, ()),
        ({"aws:created": "a"}, ()),
        ({"a": "b"}, ("a",)),
        ({f"tag-{number}": "" for number in range(50)}, ()),
    ],
)
async def test_invalid_tags_are_refused(
    cloud: Fake, put: dict[str, str], remove: tuple[str, ...]
) -> None:
    before = await cloud.list(Query())
    for call in (cloud.check_tag, cloud.tag):
        with pytest.raises(ValidationFailed):
            await call(machine(WEB), put=put, remove=remove)
    assert await cloud.list(Query()) == before


async def test_the_name_is_a_tag_and_orders_the_listing(cloud: Fake) -> None:
    before: Any = (await cloud.list(Query(ids=(WEB,)))).instances[0]
    await cloud.tag(machine(WEB), put={"Name": "zz-last"})
    assert (await cloud.list(Query())).instances[-1].id == WEB
    assert before.tags["Name"] == before.name == "web-server-01"
    await cloud.tag(machine(WEB), put={}, remove=("Name",))
    first = (await cloud.list(Query())).instances[0]
    assert (first.id, first.name, first.label) == (WEB, "", WEB)


async def test_name_patterns_may_contain_regular_expression_characters(make: Make) -> None:
    cloud = make(fleet=[{"name": name} for name in ("a.b", "a+b", "axb", "a(b", "a[x]b")])
    for pattern, expected in (("a.?", ["a.b"]), ("a[x]*", ["a[x]b"]), ("*(b", ["a(b"])):
        page = await cloud.list(Query(names=(pattern, "none")))
        assert [item.name for item in page.instances] == expected


async def test_the_seed_determines_the_fleet(make: Make) -> None:
    one, same, other, large = [
        await make(instances=count, seed=seed).list(Query())
        for seed, count in (("a", 50), ("a", 50), ("b", 50), ("a", 80))
    ]
    assert one == same != other
    assert set(map(repr, one.instances)) < set(map(repr, large.instances))
    assert {item.platform for item in one.instances} == {"linux", "windows"}
    assert len({item.private_ip for item in large.instances}) == 87


async def test_instances_with_the_same_name_have_different_ids(make: Make) -> None:
    page = await make(fleet=[{"name": "twin"}, {"name": "twin"}]).list(Query())
    assert len({item.id for item in page.instances}) == 2
