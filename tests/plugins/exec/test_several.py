from __future__ import annotations

import pytest

from smartops import Code, Severity, Text

pytestmark = pytest.mark.anyio
SCRIPTS = [{"script": "uptime", "read_only": True}]


async def test_several_targets_are_reported_each(world, make, ending):
    endings = {
        "i-1": ending(1, output="up\n"),
        "i-2": ending(2, "failed", 1, "", "no\n"),
        "i-3": ending(0, "unreachable", None, errors="offline"),
    }
    targets = [make("i-1", "a"), make("i-2", "b"), make("i-3"), make("i-4", "d")]
    there = world(endings, scripts=SCRIPTS)
    reply = await there.run("uptime", *targets, targets[0])
    assert there.runner.sent[0]["ids"] == ["i-1", "i-2", "i-3", "i-4"]
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


async def test_failures_come_first_and_equal_outputs_once(world, make, ending):
    endings = {f"i-{number}": ending(1, output="up") for number in range(14)}
    endings["i-20"] = ending(1, "failed", 1, "down")
    endings["i-21"] = ending(1, "unreachable", None)
    endings["i-22"] = ending(1, output="up, but differently")
    targets = [make(key, f"web-{key[2:]}") for key in endings]
    reply = await world(endings, scripts=SCRIPTS).run("uptime", *targets)
    title = reply.view[0]
    assert title.text == "Ran on 17 instances in 1.8 s: 15 ok, 1 failed, 1 unreachable."
    assert title.severity is Severity.WARNING
    said = [block.text for block in reply.view[1:] if isinstance(block, Text)]
    assert said == [
        "web-21: unreachable",
        "web-20: failed, exit code 1",
        "14 instances said the same, ok, exit code 0: "
        + ", ".join(f"web-{number}" for number in range(12))
        + " and 2 more",
        "web-22: ok, exit code 0",
    ]
    assert [block.text for block in reply.view if isinstance(block, Code)] == [
        "down",
        "up",
        "up, but differently",
    ]


async def test_all_well_is_good(world, make, ending):
    endings = {"i-1": ending(0, output="a"), "i-2": ending(0, output="a")}
    reply = await world(endings, scripts=SCRIPTS).run("uptime", make("i-1"), make("i-2"))
    assert reply.view[0].severity is Severity.GOOD


async def test_more_outputs_than_fit_are_counted(world, make, ending):
    endings = {f"i-{number}": ending(0, output=f"I am {number}") for number in range(5)}
    there = world(endings, scripts=SCRIPTS, groups=2)
    reply = await there.run("uptime", *(make(key) for key in endings))
    assert sum(isinstance(block, Code) for block in reply.view) == 2
    assert reply.view[-1].text == "3 more outputs, of 3 instances, are not shown."
    assert len(reply.data["results"]) == 5
