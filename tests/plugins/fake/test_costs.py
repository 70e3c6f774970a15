"""The bill follows from the machines, their types and when they ran."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from machines import machines
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Found = Callable[..., Fake]
DAY = 86400.0


async def amounts(cloud: Fake, days: int = 14) -> list[float]:
    return [item.amount for item in await cloud.daily(days)]


def one(**more: object) -> list[dict[str, object]]:
    return [{"id": "i-1", "name": "one", "age": "300d", **more}]


async def test_a_larger_type_costs_more(found: Found) -> None:
    small = await amounts(found(fleet=one(type="t3.medium")))
    large = await amounts(found(fleet=one(type="m5.4xlarge")))
    windows = await amounts(found(fleet=one(type="t3.medium", platform="windows")))
    assert min(large) > 10 * max(small)
    assert min(windows) > max(small)


async def test_a_month_of_a_known_type_is_about_its_list_price(found: Found) -> None:
    month = sum(await amounts(found(fleet=one(type="m5.large")), 30))
    assert month == pytest.approx(0.096 * 24 * 30, rel=0.25)


async def test_the_bill_grows_a_little(found: Found) -> None:
    bill = await amounts(found(instances=100, fleet=[]))
    earlier, later = sum(bill[:7]), sum(bill[7:])
    assert 1.005 < later / earlier < 1.15
    assert len(set(bill)) == 14


async def test_a_stopped_machine_pays_for_its_disk_alone(found: Found, clock: ManualClock) -> None:
    cloud = found(fleet=one(type="m5.large"))
    running = (await amounts(cloud, 1))[0]
    await cloud.act("stop", machines("i-1"))
    clock.advance(3 * DAY)
    *_, half, off, off_too = await amounts(cloud, 6)
    assert off == pytest.approx(off_too, rel=0.1)
    assert 0 < off < 0.2 * running
    assert off < half < running


async def test_a_machine_costs_nothing_before_it_is_there(found: Found) -> None:
    bill = await amounts(found(fleet=one(age="5d")))
    assert bill[:8] == [0.0] * 8
    assert all(bill[9:])


async def test_what_is_billed_stays_billed(found: Found, clock: ManualClock) -> None:
    cloud = found(instances=50)
    before = await cloud.daily(14)
    clock.advance(2 * DAY)
    after = await cloud.daily(14)
    assert after[:-2] == before[2:]
    assert after[-1].day > before[-1].day


async def test_the_same_cloud_founded_anew_bills_the_same(found: Found) -> None:
    assert await found(instances=50).daily(14) == await found(instances=50).daily(14)


async def test_a_bill_reaches_back_thirteen_months(found: Found) -> None:
    cloud = found()
    assert len(await cloud.daily(10_000)) == 395
    assert {item.currency for item in await found(costs={"currency": "EUR"}).daily(2)} == {"EUR"}
