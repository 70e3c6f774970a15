"""The command ``costs`` through the whole gate."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import smartops_aws
import smartops_costs
import smartops_fake
from smartops import Table
from smartops.testing import Bot
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

FLEET = [
    {"name": "web-1", "type": "t3.medium", "tags": {"Team": "shop"}, "age": "90d"},
    {"name": "web-2", "type": "t3.medium", "age": "5d"},
]


def cells(reply: Any) -> list[list[str]]:
    (table,) = [block for block in reply.reply.view if isinstance(block, Table)]
    return [[str(cell) for cell in row] for row in table.rows]


@pytest.fixture
def fake(bot: Bot) -> Bot:
    bot.load(smartops_fake, fleet=FLEET)
    bot.load(smartops_costs)
    return bot


async def test_costs_are_shown_by_service_with_their_change(fake: Bot) -> None:
    reply = await fake.say("costs")
    assert reply.data["by"] == "service"
    assert [group["name"] for group in reply.data["groups"]] == ["Machines", "Disks"]
    (total,) = reply.data["total"]
    assert total["amount"] == pytest.approx(sum(g["amount"] for g in reply.data["groups"]))
    assert total["amount"] > total["before"] > 0
    assert total["change"].startswith("+")
    for text in ("costs --by service", "COSTS BY Service"):
        assert (await fake.say(text)).data == reply.data


async def test_costs_are_grouped_by_tag_in_a_window(fake: Bot) -> None:
    reply = await fake.say("costs by tag:Team --last 7d")
    assert {group["name"] for group in reply.data["groups"]} == {"shop", "(no tag)"}
    shop, rest = sorted(reply.data["groups"], key=lambda group: group["name"] != "shop")
    assert (shop["change"], rest["before"], rest["change"]) == ("+0%", 0, None)
    assert len(cells(reply)) == 2
    first, last = (date.fromisoformat(reply.data[end]) for end in ("from", "to"))
    assert (last - first).days == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("costs by moon", "moon"),
        ("costs by tag:", "tag:"),
        ("costs --last 90m", "whole days"),
        ("costs --last 400d", "365d"),
    ],
)
async def test_what_cannot_be_shown_is_refused(fake: Bot, text: str, message: str) -> None:
    reply = await fake.say(text)
    assert reply.code == "VALIDATION_ERROR"
    assert message in reply.text


async def test_the_change_is_left_out_if_the_time_before_is_not_known(fake: Bot) -> None:
    reply = await fake.say("costs --last 300d")
    assert [total["before"] for total in reply.data["total"]] == [None]
    assert "are not known completely" in reply.text


async def test_a_long_table_ends_with_the_sum_of_the_others(bot: Bot) -> None:
    fleet = [{"name": f"m{n}", "tags": {"Team": f"t{n}"}, "age": "90d"} for n in range(25)]
    bot.load(smartops_fake, fleet=fleet)
    bot.load(smartops_costs)
    reply = await bot.say("costs by tag:Team")
    rows = cells(reply)
    assert (len(rows), rows[-1][0]) == (21, "5 others")
    assert len(reply.data["groups"]) == 25


async def test_a_backend_that_fails_is_named(bot: Bot) -> None:
    accounts = {"111111111111": {}, "222222222222": {}}
    section = [
        {"name": name, "account": number, "regions": ["eu-central-1"]}
        for name, number in zip(("corp", "shop"), accounts, strict=True)
    ]
    with AwsSimulator({"accounts": accounts, "denials": []}) as simulator:
        simulator.deny("ce:GetCostAndUsage", account="222222222222")
        bot.load(smartops_aws, accounts=section, endpoint=simulator.url)
        bot.load(smartops_costs)
        reply = await bot.say("costs by account")
        assert [item["backend"] for item in reply.data["failures"]] == ["shop"]
        assert [item["name"] for item in reply.data["groups"]] == ["corp"]
