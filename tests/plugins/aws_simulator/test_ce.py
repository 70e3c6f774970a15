"""Cost Explorer as real clients see it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

OTHER = "222222222222"


def asked(place: Any, first: int, last: int = 0, **more: Any) -> dict[str, Any]:
    """Return a question about the days from ``first`` to ``last`` days ago, without the last."""
    today = place.clock.now().date()
    period = {
        "Start": f"{today - timedelta(days=first)}",
        "End": f"{today - timedelta(days=last)}",
    }
    return {
        "TimePeriod": period,
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        **more,
    }


def amounts(answer: dict[str, Any]) -> list[float]:
    return [float(each["Total"]["UnblendedCost"]["Amount"]) for each in answer["ResultsByTime"]]


def bills(**costs: Any) -> dict[str, Any]:
    return {OTHER: {"costs": {"weekend": 1, **costs}}}


async def test_days_and_their_trend(start):
    async with start(others=bills(daily=100, growth=0.5)) as place:
        ce = place.client("ce", key=OTHER, region="us-east-1")
        answer = await ce("get_cost_and_usage", **asked(place, 15, 1))
        found = amounts(answer)
        assert len(found) == 14
        assert sum(found[7:]) / sum(found[:7]) == pytest.approx(1.5, rel=0.03)
        days = [each["TimePeriod"] for each in answer["ResultsByTime"]]
        assert all(
            date.fromisoformat(each["End"]) - date.fromisoformat(each["Start"]) == timedelta(days=1)
            for each in days
        )
        assert amounts(await ce("get_cost_and_usage", **asked(place, 15, 1))) == found
        assert answer["ResultsByTime"][0]["Total"]["UnblendedCost"]["Unit"] == "USD"


async def test_the_last_days_are_estimates(start):
    async with start() as place:
        answer = await place.client("ce")("get_cost_and_usage", **asked(place, 4, -1))
    assert [each["Estimated"] for each in answer["ResultsByTime"]] == [
        False,
        False,
        False,
        True,
        True,
    ]


async def test_a_day_can_cost_otherwise(start):
    days = {"2027-01-10": 777.0}
    async with start(others=bills(daily=10, days=days)) as place:
        first = (place.clock.now().date() - date(2027, 1, 10)).days
        answer = await place.client("ce", key=OTHER)(
            "get_cost_and_usage", **asked(place, first, first - 1)
        )
    assert amounts(answer) == [777.0]


async def test_groups_have_no_total(start):
    services = {"Compute": 0.75, "Other": 0.25}
    async with start(others=bills(daily=100, growth=0, services=services)) as place:
        group = [{"Type": "DIMENSION", "Key": "SERVICE"}]
        ce = place.client("ce", key=OTHER)
        whole = amounts(await ce("get_cost_and_usage", **asked(place, 3, 2)))
        answer = await ce("get_cost_and_usage", **asked(place, 3, 2, GroupBy=group))
        (day,) = answer["ResultsByTime"]
        assert day["Total"] == {}
        found = {
            each["Keys"][0]: float(each["Metrics"]["UnblendedCost"]["Amount"])
            for each in day["Groups"]
        }
        assert found["Compute"] == pytest.approx(3 * found["Other"])
        assert sum(found.values()) == pytest.approx(whole[0])
        assert answer["GroupDefinitions"] == group


async def test_a_month_is_the_sum_of_its_days(start):
    async with start() as place:
        ce = place.client("ce")
        days = amounts(await ce("get_cost_and_usage", **asked(place, 60, 1)))
        monthly = await ce("get_cost_and_usage", **asked(place, 60, 1, Granularity="MONTHLY"))
    assert sum(amounts(monthly)) == pytest.approx(sum(days))
    assert len(monthly["ResultsByTime"]) in (2, 3)


async def test_only_a_management_account_sees_the_others(start):
    others = bills(daily=100, growth=0)
    others["333333333333"] = {"management": True, "costs": {"daily": 0}}
    async with start(others=others) as place:
        own = amounts(
            await place.client("ce", key=OTHER)("get_cost_and_usage", **asked(place, 3, 2))
        )
        ce = place.client("ce", key="333333333333")
        whole = amounts(await ce("get_cost_and_usage", **asked(place, 3, 2)))
        keep = {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [OTHER]}}
        theirs = amounts(await ce("get_cost_and_usage", **asked(place, 3, 2, Filter=keep)))
        none = amounts(
            await ce(
                "get_cost_and_usage",
                **asked(
                    place,
                    3,
                    2,
                    Filter={
                        "Not": keep,
                    },
                ),
            )
        )
    assert theirs == pytest.approx(own)
    assert whole[0] == pytest.approx(theirs[0] + none[0])
    assert none[0] > 0


@pytest.mark.parametrize(
    ("keep", "share"),
    [
        ({"Dimensions": {"Key": "SERVICE", "Values": ["A"]}}, 0.5),
        ({"Not": {"Dimensions": {"Key": "SERVICE", "Values": ["A"]}}}, 0.5),
        (
            {
                "Or": [
                    {"Dimensions": {"Key": "SERVICE", "Values": ["A"]}},
                    {"Dimensions": {"Key": "SERVICE", "Values": ["B"]}},
                ]
            },
            0.8,
        ),
        (
            {
                "And": [
                    {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": [OTHER]}},
                    {"Dimensions": {"Key": "SERVICE", "Values": ["B", "C"]}},
                ]
            },
            0.5,
        ),
        ({"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}, 1.0),
        ({"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}}, 0.0),
    ],
)
async def test_filters(start, keep, share):
    services = {"A": 0.5, "B": 0.3, "C": 0.2}
    async with start(others=bills(daily=100, services=services)) as place:
        ce = place.client("ce", key=OTHER)
        (whole,) = amounts(await ce("get_cost_and_usage", **asked(place, 3, 2)))
        (part,) = amounts(await ce("get_cost_and_usage", **asked(place, 3, 2, Filter=keep)))
    assert part == pytest.approx(share * whole)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"TimePeriod": {"Start": "2027-01-02", "End": "2027-01-02"}}, "should be before"),
        ({"TimePeriod": {"Start": "2020-01-02", "End": "2020-01-03"}}, "14 months"),
        ({"TimePeriod": {"Start": "2027-01-02T00:00:00Z", "End": "2027-01-03"}}, "yyyy-MM-dd"),
        ({"Metrics": ["Money"]}, "Invalid Metrics value: Money"),
        ({"Granularity": "WEEKLY"}, "Member must satisfy enum value set"),
        ({"GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}] * 3}, "more than two"),
    ],
)
async def test_questions_that_make_no_sense(start, wrong, part):
    async with start() as place:
        given = asked(place, 3, 1, **wrong)
        code, text, status = await place.client("ce").refused("get_cost_and_usage", **given)
    assert (code, status) == ("ValidationException", 400)
    assert part in text
