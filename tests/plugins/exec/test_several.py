from __future__ import annotations

import pytest

from machines import machine
from smartops import BackendUnavailable, Code, Severity, Text
from smartops.backends import Failure, PartialList

pytestmark = pytest.mark.anyio
SCRIPTS = [{"script": "uptime", "read_only": True}]


async def test_several_targets_have_one_result_each(load, ending):
    endings = {
        "i-1": ending(1, output="up\n"),
        "i-2": ending(2, "failed", 1, "", "no\n"),
        "i-3": ending(0, "unreachable", None, errors="offline"),
    }
    targets = [machine("i-1", "a"), machine("i-2", "b"), machine("i-3"), machine("i-4", "d")]
    plugin = load(endings, scripts=SCRIPTS)
    reply = await plugin.run("uptime", *targets, targets[0])
    assert plugin.runner.sent[0]["ids"] == ["i-1", "i-2", "i-3", "i-4"]
    assert reply.status == "success"
    assert {key: reply.data[key] for key in ("command", "commandId", "executionTime")} == {
        "command": "uptime",
        "commandId": "run-1",
        "executionTime": 60,
    }
    assert reply.data["summary"] == {
        "total": 4,
        "success": 1,
        "failed": 1,
        "timedOut": 1,
        "unreachable": 1,
        "cancelled": 0,
    }
    assert "instanceId" not in reply.data
    first, second, third, fourth = reply.data["results"]
    assert first == {
        "instanceId": "i-1",
        "name": "a",
        "status": "success",
        "exitCode": 0,
        "output": "up\n",
        "executionTime": 1,
        "truncated": False,
    }
    assert (second["exitCode"], second["output"]) == (1, "no\n")
    assert (third["status"], third["exitCode"]) == ("unreachable", None)
    assert fourth["status"] == "timed-out"


async def test_failures_come_first_and_equal_outputs_are_grouped(load, ending):
    endings = {f"i-{number}": ending(1, output="up") for number in range(14)}
    endings["i-20"] = ending(1, "failed", 1, "down")
    endings["i-21"] = ending(1, "unreachable", None)
    endings["i-22"] = ending(1, output="up, but differently")
    targets = [machine(key, f"web-{key[2:]}") for key in endings]
    reply = await load(endings, scripts=SCRIPTS).run("uptime", *targets)
    title = reply.view[0]
    assert title.text == "Ran on 17 instances in 1.2 s: 15 ok, 1 failed, 1 unreachable."
    assert title.severity is Severity.WARNING
    texts = [block.text for block in reply.view[1:] if isinstance(block, Text)]
    assert texts == [
        "web-21: unreachable",
        "web-20: failed, exit code 1",
        "14 instances printed the same, ok, exit code 0: "
        + ", ".join(f"web-{number}" for number in range(12))
        + " and 2 more",
        "web-22: ok, exit code 0",
    ]
    assert [block.text for block in reply.view if isinstance(block, Code)] == [
        "down",
        "up",
        "up, but differently",
    ]


async def test_the_headline_is_good_if_all_succeed(load, ending):
    endings = {"i-1": ending(0, output="a"), "i-2": ending(0, output="a")}
    reply = await load(endings, scripts=SCRIPTS).run("uptime", machine("i-1"), machine("i-2"))
    assert reply.view[0].severity is Severity.GOOD


async def test_outputs_beyond_groups_are_joined(load, ending):
    endings = {f"i-{number}": ending(0, output=f"I am {number}\n") for number in range(4)}
    endings["i-3"] = ending(0, output="I am", errors="3", truncated=True)
    endings["i-4"] = ending(0)
    plugin = load(endings, scripts=SCRIPTS, groups=2)
    reply = await plugin.run("uptime", *(machine(key) for key in endings))
    assert [block.text for block in reply.view[:-1] if isinstance(block, Code)] == [
        "I am 0",
        "I am 1",
    ]
    assert reply.view[-2].text == "3 more outputs, of 3 instances:"
    assert reply.view[-1] == Code(
        "# i-2: ok, exit code 0\nI am 2\n\n"
        "# i-3: ok, exit code 0\nI am\n3\nThe platform cut the output; there was more.\n\n"
        "# i-4: ok, exit code 0",
        "More outputs",
    )
    assert len(reply.data["results"]) == 5


class Away:
    """Removes a backend's results from some polls."""

    def __init__(self, plugin, *ids, polls):
        self.ids, self.polls = ids, polls
        self.whole = plugin.runner.results
        plugin.runner.results = self.results

    async def results(self, run_id):
        found = await self.whole(run_id)
        self.polls -= 1
        if self.polls < 0:
            return found
        rest = [item for item in found if item.instance_id not in self.ids]
        return PartialList(rest, [Failure("prod/b", BackendUnavailable("b is away"))])


async def test_a_failed_backend_is_named_and_other_results_are_reported(load, ending):
    plugin = load({"i-1": ending(1.0, output="fine"), "i-2": ending(1.0)}, scripts=SCRIPTS)
    Away(plugin, "i-2", polls=1000)
    here, away = machine("i-1", "a-1", backend="prod/a"), machine("i-2", "b-1", backend="prod/b")
    reply = await plugin.run("uptime", here, away)
    statuses = {item["instanceId"]: item["status"] for item in reply.data["results"]}
    assert statuses == {"i-1": "success", "i-2": "timed-out"}
    assert "not known where it could not be asked: prod/b: b is away." in reply.view[-1].text
    assert (
        plugin.clock.time() - plugin.runner.sent[0]["at"] < 30
    )  # of 60: all other results are final
    assert plugin.runner.cancelled == ["run-1"]


async def test_a_backend_that_recovers_is_polled_to_the_end(load, ending):
    plugin = load({"i-1": ending(0.1), "i-2": ending(4.0, output="late")}, scripts=SCRIPTS)
    Away(plugin, "i-2", polls=3)
    here, away = machine("i-1", "a-1", backend="prod/a"), machine("i-2", "b-1", backend="prod/b")
    reply = await plugin.run("uptime", away, here)
    assert [item["output"] for item in reply.data["results"]] == ["late", ""]
    assert reply.data["summary"]["success"] == 2
    assert plugin.runner.cancelled == []


async def test_results_from_before_a_backend_failed_are_reported(load, ending):
    plugin = load({"i-1": ending(0.0, output="up")}, scripts=SCRIPTS)
    first, second = machine("i-1", "a-1", backend="prod/a"), machine("i-2", "b-1", backend="prod/b")
    away = Away(plugin, "i-1", polls=0)

    async def then_away(run_id):
        found = await away.results(run_id)
        away.polls = 1000
        return found

    plugin.runner.results = then_away
    reply = await plugin.run("uptime", first, second)
    assert [item["status"] for item in reply.data["results"]] == ["success", "timed-out"]
    assert reply.data["results"][0]["output"] == "up"


async def test_a_plan_names_the_backends_if_there_are_several(load):
    plugin = load({}, scripts=[{"script": "reboot"}])
    target = machine("i-1", "a-1", backend="prod/a")
    assert (await plugin.plan("reboot", target)).changes[0].label == "a-1"
    plugin.runner.places = ("prod/a", "prod/b")
    assert (await plugin.plan("reboot", target)).changes[0].label == "a-1 in prod/a"
