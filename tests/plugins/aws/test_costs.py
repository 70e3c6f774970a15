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
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

PAYER, MEMBER = "111111111111", "222222222222"
SCENARIO: dict[str, Any] = {
    "accounts": {
        PAYER: {"management": True, "costs": {"daily": 100, "growth": 0, "weekend": 1}},
        MEMBER: {"costs": {"daily": 10, "growth": 0, "weekend": 1}},
    }
}

Cloud = Callable[..., AbstractAsyncContextManager[tuple[AwsSimulator, Any]]]


@pytest.fixture
def cloud(found: Callable[..., list[Any]], clock: ManualClock) -> Cloud:
    @asynccontextmanager
    async def start(account: str = PAYER, **costs: Any) -> AsyncIterator[tuple[AwsSimulator, Any]]:
        accounts = [{"name": "corp", "account": account, "regions": ["eu-central-1"]}]
        with AwsSimulator(SCENARIO, clock=clock) as simulator:
            yield (
                simulator,
                found(clock, endpoint=simulator.url, accounts=accounts, costs=costs)[1],
            )

    return start


async def test_the_last_day_is_the_day_before_yesterday(cloud: Cloud) -> None:
    async with cloud() as (simulator, costs):
        assert costs.name == "corp"
        bill = await costs.daily(14)
        assert [bill[0].day, bill[-1].day] == [date(2026, 11, 9), date(2026, 11, 22)]
        (call,) = simulator.calls.of("GetCostAndUsage")
        assert call.region == "us-east-1"
        assert call.params["TimePeriod"] == {"Start": "2026-10-23", "End": "2026-11-23"}
        assert (call.params["Granularity"], call.params["Metrics"]) == ("DAILY", ["UnblendedCost"])
        assert "GroupBy" not in call.params


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


async def test_the_bill_is_requested_once_in_half_a_day(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, costs):
        bills = []

        async def ask(days: int) -> None:
            bills.append(await costs.daily(days))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask, 14)
        assert len(bills) == 5
        assert await costs.daily(1) == bills[0][-1:]
        clock.advance(11 * 3600)
        assert await costs.daily(14) == bills[0]
        assert len(simulator.calls.of("GetCostAndUsage")) == 1
        clock.advance(3600)  # midnight: there is a day more
        bill = await costs.daily(14)
        assert bill[-1].day == date(2026, 11, 23)
        assert len(simulator.calls.of("GetCostAndUsage")) == 2
        clock.advance(12 * 3600)
        await costs.daily(14)
        assert len(simulator.calls.of("GetCostAndUsage")) == 3


async def test_a_month_is_requested_at_least(cloud: Cloud) -> None:
    async with cloud() as (simulator, costs):
        await costs.daily(14)
        assert len(await costs.daily(90)) == 90
        assert len(await costs.daily(60)) == 60
        assert len(simulator.calls.of("GetCostAndUsage")) == 2
        assert len(await costs.daily(5000)) == 395


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DataUnavailableException", BackendUnavailable),
        ("BillExpirationException", BackendUnavailable),
        ("LimitExceededException", RateLimited),
        ("AccessDeniedException", PermissionDenied),
    ],
)
async def test_refusals_are_not_cached(cloud: Cloud, code: str, kind: type[Exception]) -> None:
    async with cloud() as (simulator, costs):
        simulator.fault("ce:GetCostAndUsage", "error", code=code, status=400)
        with pytest.raises(kind):
            await costs.daily(14)
        simulator.heal()
        assert len(await costs.daily(14)) == 14


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
