from __future__ import annotations

from datetime import timedelta

import pytest

from smartops import (
    BackendUnavailable,
    Change,
    Code,
    Effect,
    PermissionDenied,
    RateLimited,
    Severity,
    Table,
    Text,
    Unreachable,
    ValidationFailed,
)
from smartops.channels import plain

pytestmark = pytest.mark.anyio
SCRIPTS = [
    {"script": "df -h", "read_only": True},
    {"script": "systemctl restart nginx", "timeout": "2m", "roles": ["operator"]},
    {"script": "reboot", "roles": ["admin"]},
]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def web(make):
    return make("i-1", "web-1")


async def test_one_target_answers_the_wire_contract(world, web, ending):
    there = world({"i-1": ending(1.2, output="Filesystem\n/dev/sda1\n")}, scripts=SCRIPTS)
    reply = await there.run("df -h", web)
    assert reply.status == "success"
    documented = ("command", "instanceId", "executionTime", "output", "exitCode", "commandId")
    assert {key: reply.data[key] for key in documented} == {
        "command": "df -h",
        "instanceId": "i-1",
        "executionTime": 1.2,
        "output": "Filesystem\n/dev/sda1\n",
        "exitCode": 0,
        "commandId": "run-1",
    }
    line, code = reply.view
    assert (line.text, line.severity) == (
        "web-1: ok, exit code 0 after 1.2 s.",
        Severity.GOOD,
    )
    assert code == Code("Filesystem\n/dev/sda1", "df -h")


async def test_the_act_and_the_limit_reach_the_runner(world, web, ending):
    there = world({"i-1": ending(0)}, scripts=SCRIPTS)
    await there.run("df -h", web)
    await there.run("systemctl restart nginx", web)
    await there.run("df -h", web, timeout=timedelta(seconds=5))
    assert [sent["limit"].total_seconds() for sent in there.runner.sent] == [60, 120, 5]
    assert {sent["key"] for sent in there.runner.sent} == {"act-1"}


async def test_read_only_scripts_run_at_once_and_others_are_confirmed(world, web):
    there = world(scripts=SCRIPTS)
    assert there.execute.effect is Effect.CHANGE
    assert await there.effect("df -h", web) is Effect.READ
    assert await there.effect("systemctl restart nginx", web) is Effect.CHANGE
    for script in ("reboot", "rm -rf /", "df -h; reboot"):
        with pytest.raises(PermissionDenied):
            await there.effect(script, web)
    assert there.runner.sent == []


@pytest.mark.parametrize("script", ["reboot", "df -h; reboot", "df -h && df -h"])
async def test_the_handler_and_the_plan_ask_the_allow_list_themselves(world, web, script):
    there = world(scripts=SCRIPTS)
    with pytest.raises(PermissionDenied):
        await there.run(script, web)
    with pytest.raises(PermissionDenied):
        await there.plan(script, web)
    assert there.runner.sent == []


async def test_a_plan_shows_exactly_what_will_run_and_where(world, web, make):
    there = world(scripts=SCRIPTS)
    off = make("i-2", "web-2", state="stopped")
    plan = await there.plan("systemctl restart nginx", web, off, web)
    assert plan.summary == "Run a script on 2 instances for at most 2 minutes"
    assert plan.command == "systemctl restart nginx"
    assert plan.changes == (
        Change("i-1", "web-1", "running", "runs the script"),
        Change("i-2", "web-2", "stopped", "runs the script"),
    )
    assert plan.warnings == ("web-2 is stopped, so the script will probably not reach it.",)
    again = await there.plan("systemctl restart nginx", web, off)
    assert plan.digest() == again.digest()
    longer = await there.plan("systemctl restart nginx", web, off, timeout=MINUTE)
    assert plan.digest() != longer.digest()


async def test_a_non_zero_exit_code_is_an_answer_with_a_warning(world, web, ending):
    failed = ending(0.5, "failed", 3, "half\n", "no such unit\n")
    reply = await world({"i-1": failed}, scripts=SCRIPTS).run("df -h", web)
    assert reply.status == "success"
    assert (reply.data["exitCode"], reply.data["status"]) == (3, "failed")
    assert reply.data["output"] == "half\nno such unit\n"
    assert reply.view[0].severity is Severity.WARNING
    assert reply.view[1:] == (Code("half", "df -h"), Code("no such unit", "Errors"))


async def test_errors_begin_on_a_line_of_their_own(world, web, ending):
    failed = ending(0, "failed", 1, "half", "broken")
    reply = await world({"i-1": failed}, scripts=SCRIPTS).run("df -h", web)
    assert reply.data["output"] == "half\nbroken"


async def test_silence_is_said(world, web, ending):
    reply = await world({"i-1": ending(0)}, scripts=SCRIPTS).run("df -h", web)
    assert reply.view[1].text == "(no output)"
    assert reply.data["output"] == ""


async def test_all_of_a_long_output_is_shown(world, web, ending):
    text = "".join(f"line {number} {'x' * 500}\n" for number in range(1000))
    there = world({"i-1": ending(0, output=text, errors="a warning\n")}, scripts=SCRIPTS)
    reply = await there.run("df -h", web)
    assert reply.view[1:] == (Code(text.rstrip("\n"), "df -h"), Code("a warning", "Errors"))
    assert reply.data["output"] == f"{text}a warning\n"
    assert text in plain(reply)


async def test_what_the_platform_cut_is_said(world, web, ending):
    there = world({"i-1": ending(0, output="a\n", truncated=True)}, scripts=SCRIPTS)
    reply = await there.run("df -h", web)
    assert reply.view[-1] == Text("The platform cut the output; there was more.", style="note")
    assert reply.data["truncated"] is True


async def test_polling_starts_quickly_and_slows_down(world, web, ending):
    there = world({"i-1": ending(9)}, scripts=SCRIPTS)
    await there.run("df -h", web)
    assert there.clock.slept == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0]


async def test_a_script_that_takes_too_long_is_cancelled_and_reported(world, web):
    there = world({}, scripts=SCRIPTS)
    reply = await there.run("df -h", web, timeout=timedelta(seconds=10))
    assert there.runner.cancelled == ["run-1"]
    assert sum(there.clock.slept) == 10
    assert (reply.data["status"], reply.data["exitCode"]) == ("timed-out", None)
    assert reply.view[0].text == "web-1: timed out after 10.0 s."


async def test_what_ends_while_it_is_being_cancelled_is_told_as_it_ended(world, web, ending):
    there = world({"i-1": ending(10.5, output="late")}, scripts=SCRIPTS)

    async def slow_cancel(run_id):
        there.clock.at += 1

    there.runner.cancel = slow_cancel
    reply = await there.run("df -h", web, timeout=timedelta(seconds=10))
    assert (reply.data["status"], reply.data["output"]) == ("success", "late")


async def test_it_says_when_a_script_may_still_be_running(world, web):
    there = world({}, scripts=SCRIPTS)
    there.runner.cancel_fault = BackendUnavailable("away")
    reply = await there.run("df -h", web)
    assert reply.data["status"] == "timed-out"
    assert reply.view[-1].text.startswith("It may still be running")
    there = world({}, scripts=SCRIPTS)
    there.runner.obeys = False
    reply = await there.run("df -h", web)
    assert reply.data["status"] == "timed-out"
    assert "had not stopped" in reply.view[-1].text


async def test_a_platform_that_does_not_know_the_run_yet_is_asked_again(world, web, ending):
    there = world({"i-1": ending(0, output="ok")}, scripts=SCRIPTS)
    known = there.runner.results

    async def nothing_yet(run_id):
        there.runner.results = known
        return ()

    there.runner.results = nothing_yet
    assert (await there.run("df -h", web)).data["output"] == "ok"
    assert there.clock.slept == [0.25]


async def test_a_hiccup_while_polling_is_survived(world, web, ending):
    there = world({"i-1": ending(3, output="ok")}, scripts=SCRIPTS)
    there.runner.faults = [BackendUnavailable("away")] * 4
    reply = await there.run("df -h", web)
    assert reply.data["output"] == "ok"


async def test_a_throttled_poll_waits_as_long_as_it_is_told(world, web, ending):
    there = world({"i-1": ending(1)}, scripts=SCRIPTS)
    there.runner.faults = [RateLimited("slow down", retry_after=7)]
    await there.run("df -h", web)
    assert there.clock.slept == [7]


@pytest.mark.parametrize("kind", [BackendUnavailable, PermissionDenied, RateLimited, Unreachable])
async def test_a_runner_that_stays_away_says_that_the_script_was_started(world, web, kind):
    there = world({}, scripts=SCRIPTS)
    there.runner.faults = [kind("away", details="port 22")] * 5
    with pytest.raises(BackendUnavailable) as caught:
        await there.run("df -h", web)
    assert "started as run-1; its outcome is unknown" in caught.value.details
    assert caught.value.details.endswith("port 22")
    assert not caught.value.undone


async def test_what_the_runner_refuses_to_send_is_passed_on(world, web):
    class AgentAway(BackendUnavailable):
        code = "SSM_UNAVAILABLE"

    there = world({}, scripts=SCRIPTS)
    there.runner.refuse = AgentAway("the agent does not answer")
    with pytest.raises(AgentAway):
        await there.run("df -h", web)


async def test_a_single_target_that_cannot_be_reached_is_the_backends_error(world, web, ending):
    class AgentAway(BackendUnavailable):
        code = "SSM_UNAVAILABLE"

    unreachable = ending(0, "unreachable", None, errors="agent offline")
    there = world({"i-1": unreachable}, scripts=SCRIPTS)
    with pytest.raises(BackendUnavailable, match="web-1 cannot be reached"):
        await there.run("df -h", web)
    there.runner.unreachable = AgentAway
    with pytest.raises(AgentAway, match="web-1 cannot be reached") as caught:
        await there.run("df -h", web)
    assert caught.value.details == "agent offline"


async def test_why_a_machine_that_is_off_cannot_be_reached_is_plain(world, make, ending):
    there = world({"i-1": ending(0, "unreachable", None)}, scripts=SCRIPTS)
    with pytest.raises(BackendUnavailable) as caught:
        await there.run("df -h", make("i-1", state="stopped"))
    assert caught.value.details == "It is stopped"


@pytest.mark.parametrize("seconds", [0.5, 601])
async def test_a_time_limit_out_of_bounds_is_refused(world, web, seconds):
    there = world({}, scripts=SCRIPTS)
    for attempt in (there.run, there.plan):
        with pytest.raises(ValidationFailed, match="is not possible") as caught:
            await attempt("df -h", web, timeout=timedelta(seconds=seconds))
        assert "10 minutes" in caught.value.details
    assert there.runner.sent == []


async def test_too_many_targets_are_refused(world, make):
    there = world({}, scripts=SCRIPTS, max_targets=2)
    targets = [make(f"i-{number}") for number in range(3)]
    for attempt in (there.run, there.plan):
        with pytest.raises(ValidationFailed, match="3 instances are too many"):
            await attempt("df -h", *targets)
    assert there.runner.sent == []


async def test_the_deadline_leaves_room_for_the_longest_limit(world):
    there = world(max_timeout="15m")
    assert there.execute.deadline > timedelta(minutes=15)


async def test_scripts_are_listed_for_whom_they_are(world):
    there = world(
        scripts=[*SCRIPTS, {"template": "systemctl status {unit}", "platforms": ["linux"]}]
    )
    listed = there.commands["list scripts"]
    reply = await listed(there.call())
    assert isinstance(reply.view[0], Table)
    assert [row[:4] for row in reply.view[0].rows] == [
        ("df -h", "at once", "any", "1 minute"),
        ("systemctl restart nginx", "after confirmation", "any", "2 minutes"),
        ("systemctl status {unit}", "after confirmation", "linux", "1 minute"),
    ]
    assert reply.data["scripts"][2]["parameters"] == ["unit"]
    nothing = await world(scripts=SCRIPTS[2:]).commands["list scripts"](there.call())
    assert nothing.data == {"scripts": []}
