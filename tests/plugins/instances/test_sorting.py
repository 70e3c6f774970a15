"""``list instances --sort`` through the whole gate, over two clouds."""

from __future__ import annotations

import pytest

import smartops_instances
from smartops.testing import Bot
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

FLEETS = {
    "one": [
        {"name": "a", "type": "t3.medium", "age": "9d", "cpu": 50, "memory": 95},
        {"name": "c", "type": "t3.medium", "age": "1d", "state": "stopped"},
        {"name": "e", "type": "t3.small", "age": "2d", "cpu": 5, "memory": 50},
    ],
    "two": [
        {"name": "b", "type": "m5.large", "age": "30d", "cpu": 30, "memory": 70},
        {"name": "d", "type": "m5.large", "age": "10d", "cpu": 90, "memory": 30},
    ],
}


@pytest.fixture
def both(bot: Bot) -> Bot:
    for name, fleet in FLEETS.items():
        config = FakeConfig.model_validate({"name": name, "seed": name, "fleet": fleet})
        bot.add(Fake.of(config, bot.clock))
    bot.load(smartops_instances, page_size=2)
    return bot


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", "abcde"),
        ("launched", "ceadb"),
        ("type", "bdace"),
        ("state", "abdec"),
        ("cpu", "dabec"),
        ("memory", "abedc"),
    ],
)
async def test_pages_in_an_order_contain_every_instance_once(both: Bot, sort: str, names: str):
    reply = await both.say(f"list instances --sort {sort}")
    listed = [item["name"] for item in reply.data["instances"]]
    while reply.reply.actions:
        reply = await both.press(reply.action("command"))
        listed += [item["name"] for item in reply.data["instances"]]
        assert reply.data["summary"]["total"] == 5
    assert listed == list(names)
    assert "Page 3 of 3" in reply.text


async def test_the_cursor_of_another_order_is_refused(both: Bot):
    cursor = (await both.say("list instances --sort type")).data["next"]
    for text in (
        f"--sort state --page {cursor}",
        "--sort type --page 2.bm9uZQ",
        "--sort cpu --page é",
    ):
        reply = await both.say(f"list instances {text}")
        assert (reply.code, reply.reply.error.message) == (
            "VALIDATION_ERROR",
            "There is no such page",
        )


async def test_usage_sorts_a_bounded_number_of_instances(bot: Bot):
    config = FakeConfig.model_validate({"instances": 1001})
    bot.add(Fake.of(config, bot.clock))
    bot.load(smartops_instances)
    reply = await bot.say("list instances --sort cpu")
    assert reply.code == "VALIDATION_ERROR"
    assert "at most 1,000" in reply.text.lower()
    assert (await bot.say("list instances --sort launched")).status == "success"


async def test_a_list_sorted_by_usage_without_measurements_is_by_name(bot: Bot):
    faults = [{"operation": "latest", "code": "BACKEND_UNAVAILABLE", "message": "no metrics"}]
    config = FakeConfig.model_validate({"fleet": FLEETS["one"], "faults": faults})
    bot.add(Fake.of(config, bot.clock))
    bot.load(smartops_instances)
    reply = await bot.say("list instances --sort cpu")
    assert [item["name"] for item in reply.data["instances"]] == ["a", "c", "e"]
    assert "Without measurements: no metrics" in reply.text
