"""Changes of state take their time and keep the cloud's rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from machines import machine, machines
from smartops import Instance, InstanceNotFound, Query, ValidationFailed, Verb
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Named = Callable[[Fake, str], Awaitable[Instance]]
Found = Callable[..., Fake]
WEB = "i-0abc123def"


async def state(cloud: Fake, id: str = WEB) -> str:
    (instance,) = (await cloud.list(Query(ids=(id,)))).instances
    return instance.state


async def test_stopping_and_starting_take_seconds(cloud: Fake, clock: ManualClock) -> None:
    await cloud.act("stop", machines(WEB))
    clock.advance(6.3)  # a stop takes 8 s, a fifth more or less
    assert await state(cloud) == "stopping"
    clock.advance(3.4)
    assert await state(cloud) == "stopped"
    await cloud.act("start", machines(WEB))
    clock.advance(4.7)  # a start takes 6 s
    assert await state(cloud) == "pending"
    clock.advance(2.6)
    assert await state(cloud) == "running"


async def test_counts_follow_every_state(cloud: Fake, clock: ManualClock) -> None:
    assert (await cloud.list(Query())).counts == {"running": 5, "stopped": 1}
    await cloud.act("stop", machines(WEB))
    assert (await cloud.list(Query())).counts == {"running": 4, "stopping": 1, "stopped": 1}
    clock.advance(60)
    assert (await cloud.list(Query(limit=1))).counts == {"running": 4, "stopped": 2}


async def test_a_change_happens_at_its_moment_and_not_when_somebody_looks(
    cloud: Fake, clock: ManualClock
) -> None:
    began = clock.now()
    await cloud.act("stop", machines(WEB))
    clock.advance(3600)
    series = await cloud.series("cpu", machines(WEB), since=began, period=timedelta(minutes=1))
    assert series == {}


async def test_a_reboot_takes_the_agent_away_and_the_state_stays(
    cloud: Fake, clock: ManualClock, named: Named
) -> None:
    web = await named(cloud, "web-server-01")
    (done,) = await cloud.act("reboot", machines(WEB))
    assert (done.before, done.after) == ("running", "running")
    run = await cloud.send("uptime", [web], limit=timedelta(seconds=60), key="")
    clock.advance(5)
    assert await state(cloud) == "running"
    assert [item.status for item in await cloud.results(run)] == ["unreachable"]
    clock.advance(75)
    run = await cloud.send("uptime", [web], limit=timedelta(seconds=60), key="")
    clock.advance(5)
    (result,) = await cloud.results(run)
    assert result.status == "success"
    assert "up 1 min" in result.output


async def test_the_agent_comes_up_after_the_machine(
    cloud: Fake, clock: ManualClock, named: Named
) -> None:
    old = await named(cloud, "old-01")
    await cloud.act("start", machines(old.id))
    clock.advance(7.3)
    assert await state(cloud, old.id) == "running"
    early = await cloud.send("hostname", [old], limit=timedelta(seconds=60), key="")
    clock.advance(10)
    late = await cloud.send("hostname", [old], limit=timedelta(seconds=60), key="")
    clock.advance(10)
    assert [item.status for item in await cloud.results(early)] == ["unreachable"]
    assert [item.status for item in await cloud.results(late)] == ["success"]


@pytest.mark.parametrize(
    ("verb", "at", "allowed"),
    [
        ("start", "pending", True),
        ("start", "running", True),
        ("start", "stopping", False),
        ("start", "stopped", True),
        ("start", "shutting-down", False),
        ("start", "terminated", False),
        ("stop", "pending", False),
        ("stop", "running", True),
        ("stop", "stopping", True),
        ("stop", "stopped", True),
        ("stop", "shutting-down", False),
        ("stop", "terminated", False),
        ("reboot", "pending", False),
        ("reboot", "running", True),
        ("reboot", "stopping", False),
        ("reboot", "stopped", False),
        ("reboot", "terminated", False),
    ],
)
async def test_what_a_state_allows(found: Found, verb: Verb, at: str, allowed: bool) -> None:
    cloud = found(fleet=[{"id": "i-1", "name": "one", "state": at}])
    if allowed:
        await cloud.check(verb, machines("i-1"))
        await cloud.act(verb, machines("i-1"))
        return
    for call in (cloud.check, cloud.act):
        with pytest.raises(ValidationFailed, match=f"one is {at}") as refused:
            await call(verb, machines("i-1"))
        assert refused.value.details == "IncorrectInstanceState: i-1"
    assert await state(cloud, "i-1") == at


async def test_a_protected_machine_refuses_to_stop_and_nothing_else(
    cloud: Fake, named: Named
) -> None:
    db = await named(cloud, "db-01")
    for call in (cloud.check, cloud.act):
        with pytest.raises(ValidationFailed, match="db-01 is protected") as refused:
            await call("stop", machines(WEB, db.id))
        assert (refused.value.details or "").startswith("OperationNotPermitted")
    assert await state(cloud) == "running"
    await cloud.act("reboot", machines(db.id))


async def test_ids_that_cannot_be_are_told_from_those_that_are_not(cloud: Fake) -> None:
    with pytest.raises(ValidationFailed, match="web-server-01 is no instance id"):
        await cloud.act("stop", machines("web-server-01"))
    with pytest.raises(InstanceNotFound, match="There is no instance i-0beef"):
        await cloud.act("stop", machines("i-0beef"))


async def test_naming_a_machine_twice_stops_it_once(cloud: Fake) -> None:
    assert len(await cloud.act("stop", machines(WEB, WEB))) == 1


@pytest.mark.parametrize(
    ("founded", "ends"),
    [("pending", "running"), ("stopping", "stopped"), ("shutting-down", "terminated")],
)
async def test_founders_between_two_states_go_on(
    found: Found, clock: ManualClock, founded: str, ends: str
) -> None:
    cloud = found(fleet=[{"id": "i-1", "name": "one", "state": founded}])
    assert await state(cloud, "i-1") == founded
    clock.advance(30)
    assert await state(cloud, "i-1") == ends


async def test_configured_times_are_kept(found: Found, clock: ManualClock) -> None:
    cloud = found(transitions={"stop": "0s", "start": "10m"})
    await cloud.act("stop", machines(WEB))
    assert await state(cloud) == "stopped"
    await cloud.act("start", machines(WEB))
    clock.advance(470)
    assert await state(cloud) == "pending"
    clock.advance(250)
    assert await state(cloud) == "running"


async def test_a_lent_address_goes_with_the_run_and_a_configured_one_stays(
    found: Found, clock: ManualClock
) -> None:
    cloud = found(instances=60)
    running = (await cloud.list(Query(states=("running",)))).instances
    lent = next(item for item in running if item.public_ip and item.name.startswith("web-prod"))
    await cloud.act("stop", machines(lent.id, WEB))
    clock.advance(30)
    found_ = {item.id: item for item in (await cloud.list(Query(ids=(lent.id, WEB)))).instances}
    assert found_[lent.id].public_ip == ""
    assert found_[WEB].public_ip == "54.123.45.67"
    assert (await cloud.list(Query(addresses=(lent.public_ip,)))).instances == ()
    await cloud.act("start", machines(lent.id))
    (again,) = (await cloud.list(Query(ids=(lent.id,)))).instances
    assert again.public_ip not in ("", lent.public_ip)
    (by_address,) = (await cloud.list(Query(addresses=(again.public_ip,)))).instances
    assert by_address.id == lent.id


@pytest.mark.parametrize(
    ("put", "remove", "code"),
    [
        ({"": "a"}, (), "InvalidParameterValue"),
        ({"aws:created": "a"}, (), "InvalidParameterValue"),
        ({"key": "v" * 257}, (), "InvalidParameterValue"),
        ({"a": "b"}, ("a",), ""),
        ({f"tag-{number}": "" for number in range(50)}, (), "TagLimitExceeded"),
    ],
)
async def test_tags_that_a_cloud_does_not_take(
    cloud: Fake, put: dict[str, str], remove: tuple[str, ...], code: str
) -> None:
    before = await cloud.list(Query())
    for call in (cloud.check_tag, cloud.tag):
        with pytest.raises(ValidationFailed) as refused:
            await call(machine(WEB), put=put, remove=remove)
        assert (refused.value.details or "").startswith(code)
    assert await cloud.list(Query()) == before


async def test_the_name_is_a_tag(cloud: Fake, named: Named) -> None:
    await cloud.tag(machine(WEB), put={"Name": "zz-last"})
    assert (await named(cloud, "zz-last")).id == WEB
    assert (await cloud.list(Query())).instances[-1].id == WEB
    await cloud.tag(machine(WEB), put={}, remove=("Name",))
    first = (await cloud.list(Query())).instances[0]
    assert (first.id, first.name, first.label) == (WEB, "", WEB)


async def test_what_was_listed_does_not_change_afterwards(cloud: Fake) -> None:
    before: Any = (await cloud.list(Query(ids=(WEB,)))).instances[0]
    tags = dict(before.tags)
    await cloud.tag(machine(WEB), put={"Environment": "other"})
    await cloud.act("stop", machines(WEB))
    assert (before.state, dict(before.tags)) == ("running", tags)
