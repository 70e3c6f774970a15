"""Commands on two accounts, through the whole gate."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest

import smartops_exec
import smartops_health
import smartops_instances
from smartops import Compute, Costs, Metrics, Runner, Table, command, hookimpl
from smartops.errors import StartupError
from smartops.fleet import ComputeGroup, CostsGroup
from smartops.testing import Bot
from smartops_fake.backend import Fake, FakeCompute, FakeMetrics
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

EU, US = "prod/eu-central-1", "prod/us-east-1"
FLEETS = {
    EU: [
        {"id": "i-0e1", "name": "web-01", "tags": {"Role": "web"}, "cpu": 20},
        {"id": "i-0e2", "name": "db-01", "tags": {"Role": "database"}, "cpu": 20},
    ],
    US: [
        {"id": "i-0a1", "name": "web-01", "tags": {"Role": "web"}, "cpu": 20},
        {"id": "i-0a2", "name": "api-01", "tags": {"Role": "api"}, "cpu": 20},
    ],
}
Start = Callable[..., Bot]


@pytest.fixture
def start(bot: Bot) -> Start:
    """Return a function that loads both accounts, with faults, and the plugins for instances."""

    def make(*, eu: Any = (), us: Any = (), **instances: Any) -> Bot:
        clouds = [
            Fake.of(
                FakeConfig.model_validate(
                    {"name": name, "seed": name, "fleet": FLEETS[name], "faults": faults}
                ),
                bot.clock,
            )
            for name, faults in ((EU, eu), (US, us))
        ]
        bot.add(*clouds)
        bot.load(smartops_instances, **{"follow": "0s", **instances})
        bot.load(smartops_health)
        bot.load(smartops_exec, scripts=[{"script": "hostname", "read_only": True}])
        return bot

    return make


def table(answer: Any) -> Table:
    (found,) = (block for block in answer.reply.view if isinstance(block, Table))
    return found


def fault(operation: str, code: str = "BACKEND_UNAVAILABLE", **more: Any) -> dict[str, Any]:
    return {"operation": operation, "code": code, **more}


async def test_the_list_has_a_column_for_the_backend(start: Start) -> None:
    bot = start()
    answer = await bot.say("list instances")
    shown = table(answer)
    assert shown.columns[-1] == "Backend"
    assert [(row[0], row[1], row[-1]) for row in shown.rows] == [
        ("api-01", "i-0a2", US),
        ("db-01", "i-0e2", EU),
        ("web-01", "i-0a1", US),
        ("web-01", "i-0e1", EU),
    ]
    assert answer.data["summary"] == {"total": 4, "running": 4, "stopped": 0}
    assert [item["backend"] for item in answer.data["instances"]] == [US, EU, US, EU]
    assert all(item["metrics"]["cpuUtilization"] for item in answer.data["instances"])


async def test_pages_continue_over_all_backends(start: Start) -> None:
    bot = start(page_size=3)
    first = await bot.say("list instances")
    second = await bot.press(first.action("command"))
    names = [row[0] for answer in (first, second) for row in table(answer).rows]
    assert names == ["api-01", "db-01", "web-01", "web-01"]
    assert second.data["next"] is None
    forged = await bot.say("list instances --page abcdef")
    assert (forged.code, forged.text.splitlines()[0]) == (
        "VALIDATION_ERROR",
        "There is no such page",
    )


async def test_a_glob_selects_backends(start: Start) -> None:
    bot = start()
    answer = await bot.say("list instances --backend prod/eu-*")
    assert [row[1] for row in table(answer).rows] == ["i-0e2", "i-0e1"]
    assert "Backend" not in table(answer).columns
    both = await bot.say("list instances --backend prod/eu-* --backend prod/us-*")
    assert both.data["summary"]["total"] == 4
    none = await bot.say("list instances --backend staging")
    assert none.code == "VALIDATION_ERROR"
    assert EU in none.text


async def test_a_failed_backend_is_named_below_the_list(start: Start) -> None:
    bot = start(us=[fault("list", "PERMISSION_DENIED")])
    answer = await bot.say("list instances")
    assert answer.status == "success"
    assert [row[1] for row in table(answer).rows] == ["i-0e2", "i-0e1"]
    message = "Insufficient permissions to list instances"
    assert f"Without {US}: {message}" in answer.text
    assert answer.data["failures"] == [
        {"backend": US, "code": "PERMISSION_DENIED", "message": message}
    ]


async def test_a_list_names_the_backend_without_measurements(start: Start) -> None:
    bot = start(us=[fault("latest")])
    answer = await bot.say("list instances")
    assert f"Without measurements of {US}: The cloud cannot be reached" in answer.text
    unmeasured = {
        item["instanceId"]
        for item in answer.data["instances"]
        if item["metrics"]["cpuUtilization"] is None
    }
    assert unmeasured == {"i-0a1", "i-0a2"}


async def test_a_name_in_two_backends_is_ambiguous(start: Start) -> None:
    bot = start()
    answer = await bot.say("show web-01")
    assert answer.code == "VALIDATION_ERROR"
    assert f"i-0a1 (web-01, running, {US}), i-0e1 (web-01, running, {EU})" in answer.text
    shown = await bot.say("show i-0a1")
    assert "Backend" in shown.text
    assert US in shown.text


async def test_instances_with_a_tag_are_stopped_in_all_backends(start: Start) -> None:
    bot = start()
    asked = await bot.say("stop tag:Role=web")
    assert asked.status == "pending"
    assert f"web-01 in {EU}" in asked.text
    assert f"web-01 in {US}" in asked.text
    done = await bot.press(asked.action("confirm"))
    assert done.data["summary"] == {"total": 2, "accepted": 2, "unchanged": 0}
    listed = await bot.say("list instances --tag Role=web")
    assert listed.data["summary"]["stopping"] == 2


async def test_a_partial_change_is_reported(start: Start) -> None:
    bot = start(us=[fault("stop", "RATE_LIMITED", times=1)])
    asked = await bot.say("stop tag:Role=web")
    done = await bot.press(asked.action("confirm"))
    assert (done.status, done.code) == (
        "error",
        "BACKEND_UNAVAILABLE",
    )  # it must not ask to send it again
    assert done.reply.error is not None
    assert done.reply.error.retry_after is None
    assert "The stop was accepted for 1 of 2 instances only" in done.text
    assert "Accepted for web-01 (i-0e1). Not done: web-01 (i-0a1)" in done.text
    listed = await bot.say("list instances --tag Role=web")
    assert listed.data["summary"] == {"total": 2, "running": 1, "stopped": 0, "stopping": 1}


async def test_a_change_by_name_is_refused_while_a_backend_fails(start: Start) -> None:
    bot = start(us=[fault("list")])
    for text in ("stop db-01", "stop tag:Role=web", "execute hostname on db-01"):
        refused = await bot.say(text)
        assert refused.code == "BACKEND_UNAVAILABLE", text
        assert f"{US}: The cloud cannot be reached" in refused.text
    assert (await bot.say("stop i-0e2")).status == "pending"


async def test_a_read_continues_and_names_the_failed_backend(start: Start) -> None:
    bot = start(us=[fault("list")])
    answer = await bot.say("show db-01")
    assert answer.status == "success"
    assert f"Without {US}: The cloud cannot be reached" in answer.text
    assert [item["backend"] for item in answer.data["failures"]] == [US]
    missing = await bot.say("show api-01")
    assert missing.code == "BACKEND_UNAVAILABLE"
    assert "not every backend could be asked" in missing.text


async def test_health_covers_all_backends_and_names_failed_ones(start: Start) -> None:
    bot = start(us=[fault("list", times=1), fault("latest", times=1)])
    first = (await bot.say("check health")).data
    assert (first["overall_health"], first["summary"]["healthy"]) == ("warning", 2)
    second = (await bot.say("check health")).data
    assert second["summary"]["not_measured"] == 2
    assert [item["backend"] for item in second["failures"]] == [US]
    third = (await bot.say("check health")).data
    assert (third["overall_health"], third["summary"]["healthy"]) == ("healthy", 4)
    assert re.fullmatch(r"[+-]\d+%", third["trends"]["cost_trend"])
    assert "failures" not in third


async def test_a_script_runs_on_instances_of_both_backends(start: Start) -> None:
    bot = start()
    await bot.app()
    answer = await _while_time_passes(bot, "execute hostname on i-0e1,i-0a2")
    assert answer.data["summary"]["success"] == 2
    assert {part.rpartition(":")[0] for part in answer.data["commandId"].split(",")} == {EU, US}


async def _while_time_passes(bot: Bot, text: str) -> Any:
    answers = []

    async def say() -> None:
        answers.append(await bot.say(text))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(say)
        while not answers:
            await anyio.sleep(0.001)
            bot.clock.advance(0.25)
    return answers[0]


async def test_one_backend_is_used_directly_and_several_as_a_group(bot: Bot, start: Start) -> None:
    app = await start().app()
    assert isinstance(app.composition.compute, ComputeGroup)
    assert app.composition.compute.members == (EU, US)
    wired = app.parts.wired["check health"]
    assert isinstance(wired._provided["costs"], CostsGroup)


class Machines(FakeCompute, FakeMetrics):
    """A cloud without Runner and Costs."""


def asking(hint: str) -> ModuleType:
    """Return a plugin with a command that returns the class of its capability."""

    async def look(given: Any) -> str:
        """Return the class of the argument."""
        return type(given).__name__

    kinds = {"Costs": Costs, "Runner": Runner, "Compute": Compute, "Metrics": Metrics}
    kind = kinds[hint.removesuffix("?")]
    look.__annotations__["given"] = kind | None if hint.endswith("?") else kind
    module = ModuleType("looks")
    declared = command("look")(look)
    module.register_commands = hookimpl(lambda: [declared])  # type: ignore[attr-defined]
    return module


def machines_only(bot: Bot) -> Machines:
    return Machines(Fake.of(FakeConfig(fleet=()), bot.clock)._cloud)


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        ("Costs?", "NoneType"),
        ("Runner?", "NoneType"),
        ("Compute?", "Machines"),
        ("Metrics", "Machines"),
    ],
)
async def test_a_missing_optional_capability_is_none(bot: Bot, hint: str, given: str) -> None:
    bot.add(machines_only(bot))
    bot.load(asking(hint))
    assert (await bot.say("look")).text == given


async def test_a_missing_required_capability_is_a_start_error(bot: Bot) -> None:
    bot.add(machines_only(bot))
    bot.load(asking("Costs"))
    with pytest.raises(StartupError, match="'look' needs a Costs backend, and none is loaded"):
        await bot.say("look")
