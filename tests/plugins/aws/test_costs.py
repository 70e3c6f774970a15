"""The bill: complete days of one account, requested rarely."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from typing import Any

import anyio
import pytest

from smartops import BackendUnavailable, PermissionDenied, RateLimited
from smartops.backends import DayCost
from smartops.testing import ManualClock, MemoryKeyValueStore
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

PAYER, MEMBER = "111111111111", "222222222222"
SCENARIO: dict[str, Any] = {
    "accounts": {
        PAYER: {
            "management": True,
            "costs": {"daily": 100, "growth": 0, "weekend": 1},
            "regions": {
                "eu-central-1": {"instances": [{"name": "a", "tags": {"Team": "shop"}}]},
                "eu-west-1": {"instances": [{"name": "b"}]},
            },
        },
        MEMBER: {"costs": {"daily": 10, "growth": 0, "weekend": 1}},
    }
}

Cloud = Callable[..., AbstractAsyncContextManager[tuple[AwsSimulator, Any]]]


@pytest.fixture
def store() -> MemoryKeyValueStore:
    return MemoryKeyValueStore()


@pytest.fixture
def cloud(found: Callable[..., list[Any]], clock: ManualClock, store: MemoryKeyValueStore) -> Cloud:
    @asynccontextmanager
    async def start(account: str = PAYER, **costs: Any) -> AsyncIterator[tuple[AwsSimulator, Any]]:
        accounts = [{"name": "corp", "account": account, "regions": ["eu-central-1"]}]
        with AwsSimulator(SCENARIO, clock=clock) as simulator:
            section = {"endpoint": simulator.url, "accounts": accounts, "costs": costs}
            yield simulator, found(clock, store, **section)[1]

    return start


async def test_the_last_day_is_the_day_before_yesterday(cloud: Cloud) -> None:
    async with cloud() as (simulator, costs):
        assert costs.name == "corp"
        bill = await costs.daily(14)
        assert [bill[0].day, bill[-1].day] == [date(2026, 11, 9), date(2026, 11, 22)]
        (call,) = simulator.calls.of("GetCostAndUsage")
        assert call.region == "us-east-1"
        assert call.params["TimePeriod"] == {"Start": "2026-09-22", "End": "2026-11-23"}
        assert (call.params["Granularity"], call.params["Metrics"]) == ("DAILY", ["UnblendedCost"])
        assert call.params["GroupBy"] == [{"Type": "DIMENSION", "Key": "SERVICE"}]


@pytest.mark.parametrize(
    ("account", "settings", "daily"),
    [(PAYER, {}, 100), (PAYER, {"organization": True}, 110), (MEMBER, {}, 10)],
)
async def test_a_management_account_bills_its_members_only_if_configured(
    cloud: Cloud, account: str, settings: dict[str, Any], daily: float
) -> None:
    async with cloud(account, **settings) as (_, costs):
        bill = await costs.daily(7)
        assert [item.amount for item in bill] == [pytest.approx(daily, rel=0.02)] * 7
        assert {item.currency for item in bill} == {"USD"}


async def test_a_bill_is_requested_once_a_day_by_all_processes(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, costs):
        bills = []

        async def ask(days: int) -> None:
            bills.append(await costs.daily(days))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask, 14)
        assert len(bills) == 5
        assert len(simulator.calls.of("GetCostAndUsage")) == 1
    async with cloud() as (simulator, costs):  # another process, or the same after a restart
        clock.advance(11 * 3600)
        assert await costs.daily(14) == bills[0]
        assert await costs.daily(1) == bills[0][-1:]
        assert len(await costs.daily(60, "service")) == 3 * 60
        assert not simulator.calls.of("GetCostAndUsage")
        clock.advance(3600)  # midnight: there is a day more
        assert (await costs.daily(14))[-1].day == date(2026, 11, 23)
        assert len(simulator.calls.of("GetCostAndUsage")) == 1


async def test_three_requests_a_day_are_the_most(
    cloud: Cloud, clock: ManualClock, store: MemoryKeyValueStore
) -> None:
    async with cloud() as (simulator, costs):
        assert len(await costs.daily(90)) == 90
        assert len(await costs.daily(5000)) == 395
        await costs.daily(30, "region")
        with pytest.raises(RateLimited, match="asked 3 times today") as refused:
            await costs.daily(30, "tag:Team")
        assert refused.value.retry_after == 12 * 3600
        assert await costs.daily(14)
        assert len(simulator.calls.of("GetCostAndUsage")) == 3
        clock.advance(12 * 3600)
        await costs.daily(30, "tag:Team")
        assert all("2026-11-25" in key for key in store.values)  # the day before is deleted


async def test_processes_at_the_same_time_do_not_exceed_the_limit(
    found: Callable[..., list[Any]], clock: ManualClock, store: MemoryKeyValueStore
) -> None:
    accounts = [{"name": "corp", "account": PAYER, "regions": ["eu-central-1"]}]
    refused = []
    with AwsSimulator(SCENARIO, clock=clock) as simulator:
        section = {"endpoint": simulator.url, "accounts": accounts}
        processes = [found(clock, store, **section)[1] for _ in range(6)]

        async def ask(costs: Any) -> None:
            try:
                await costs.daily(14)
            except RateLimited:
                refused.append(costs)

        async with anyio.create_task_group() as tasks:
            for process in processes:
                tasks.start_soon(ask, process)
        assert len(simulator.calls.of("GetCostAndUsage")) <= 3
        assert refused
        assert await processes[0].daily(14)


@pytest.mark.parametrize(
    ("by", "settings", "groups"),
    [
        (
            "service",
            {},
            {"EC2 - Other", "AmazonCloudWatch", "Amazon Elastic Compute Cloud - Compute"},
        ),
        ("account", {}, {"corp"}),
        ("account", {"organization": True}, {PAYER, MEMBER}),
        ("region", {}, {"eu-central-1", "eu-west-1"}),
        ("tag:Team", {}, {"shop", "(no tag)"}),
    ],
)
async def test_costs_are_grouped(
    cloud: Cloud, by: str, settings: dict[str, Any], groups: set[str]
) -> None:
    async with cloud(**settings) as (_, costs):
        bill = await costs.daily(3, by)
        assert {item.group for item in bill} == groups
        assert [item.day for item in bill] == sorted(item.day for item in bill)
        total = await costs.daily(3)
        parts = [item.amount for item in bill if item.day == total[0].day]
        assert sum(parts) == pytest.approx(total[0].amount, abs=0.02)


async def test_the_smallest_of_very_many_groups_are_joined(
    found: Callable[..., list[Any]], clock: ManualClock, store: MemoryKeyValueStore
) -> None:
    machines = [{"name": f"m{n}", "tags": {"Cluster": "c" * 100 + f"{n}"}} for n in range(300)]
    regions = {"eu-central-1": {"instances": machines}}
    scenario = {"accounts": {PAYER: {"regions": regions, "costs": {"daily": 3e6}}}}
    accounts = [{"name": "corp", "account": PAYER, "regions": ["eu-central-1"]}]
    with AwsSimulator(scenario, clock=clock) as simulator:
        costs = found(clock, store, endpoint=simulator.url, accounts=accounts)[1]
        bill = await costs.daily(1, "tag:Cluster")
        assert bill[-1].group == "others"
        assert len(bill) < 100
        (total,) = await costs.daily(1)
        assert sum(item.amount for item in bill) == pytest.approx(total.amount, abs=2)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DataUnavailableException", BackendUnavailable),
        ("BillExpirationException", BackendUnavailable),
        ("LimitExceededException", RateLimited),
        ("AccessDeniedException", PermissionDenied),
    ],
)
async def test_a_failed_request_is_repeated_after_a_pause(
    cloud: Cloud, clock: ManualClock, code: str, kind: type[Exception]
) -> None:
    async with cloud() as (simulator, costs):
        simulator.fault("ce:GetCostAndUsage", "error", code=code, status=400)
        with pytest.raises(kind):
            await costs.daily(14)
        asked = len(simulator.calls.of("GetCostAndUsage"))
    async with cloud() as (simulator, costs):
        clock.advance(600)
        with pytest.raises(kind) as refused:
            await costs.daily(14)
        assert not simulator.calls.of("GetCostAndUsage")
        assert "was asked at 12:00 UTC; SmartOps asks it again from 13:00 UTC on" in (
            refused.value.details or ""
        )
        assert refused.value.retry_after == 50 * 60
        clock.advance(50 * 60)
        assert len(await costs.daily(14)) == 14
        assert asked


async def test_days_without_use_cost_nothing_and_an_empty_answer_is_refused(
    moto: None, found: Callable[..., list[Any]], clock: ManualClock
) -> None:
    """Cost Explorer as simulated by moto returns what it was given, or nothing."""
    from moto.ce.models import ce_backends
    from moto.core import DEFAULT_ACCOUNT_ID

    (_, costs) = found(clock)
    with pytest.raises(BackendUnavailable, match="no costs"):
        await costs.daily(3)
    day = {
        "TimePeriod": {"Start": "2026-11-21", "End": "2026-11-22"},
        "Total": {"UnblendedCost": {"Amount": "12.345", "Unit": "EUR"}},
    }
    ce_backends[DEFAULT_ACCOUNT_ID]["aws"].cost_usage_results_queue.append({"ResultsByTime": [day]})
    clock.advance(1)
    bill = await found(clock)[1].daily(3)
    assert bill == (
        DayCost(date(2026, 11, 20), 0.0, "EUR"),
        DayCost(date(2026, 11, 21), 12.35, "EUR"),
        DayCost(date(2026, 11, 22), 0.0, "EUR"),
    )


async def test_the_region_of_costs_follows_from_the_partition(
    found: Callable[..., list[Any]],
) -> None:
    account = {"account": PAYER, "costs": False, "name": "corp", "regions": ["eu-central-1"]}
    assert len(found(accounts=[account])) == 1
    account = {"account": PAYER, "name": "china", "regions": ["cn-north-1"]}
    assert found(accounts=[account])[1].region.region == "cn-northwest-1"
