from __future__ import annotations

from datetime import timedelta

import pytest

from machines import machine
from smartops import (
    BackendUnavailable,
    Change,
    Code,
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
def web():
    return machine("i-1", "web-1")


async def test_the_reply_for_one_target_follows_the_wire_contract(load, web, ending):
    plugin = load({"i-1": ending(1.2, output="Filesystem\n/dev/sda1\n")}, scripts=SCRIPTS)
    reply = await plugin.run("df -h", web)
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


async def test_the_idempotency_key_and_the_limit_reach_the_runner(load, web, ending):
    plugin = load({"i-1": ending(0)}, scripts=SCRIPTS)
    await plugin.run("df -h", web)
    await plugin.run("systemctl restart nginx", web)
    await plugin.run("df -h", web, timeout=timedelta(seconds=5))
    assert [sent["limit"].total_seconds() for sent in plugin.runner.sent] == [60, 120, 5]
    assert {sent["key"] for sent in plugin.runner.sent} == {"key-1"}


@pytest.mark.parametrize("script", ["reboot", "df -h; reboot", "df -h && df -h"])
async def test_the_handler_and_the_plan_check_the_allow_list(load, web, script):
    plugin = load(scripts=SCRIPTS)
    with pytest.raises(PermissionDenied):
        await plugin.run(script, web)
    with pytest.raises(PermissionDenied):
        await plugin.plan(script, web)
    assert plugin.runner.sent == []


async def test_a_plan_shows_the_script_and_the_targets(load, web):
    plugin = load(scripts=SCRIPTS)
    off = machine("i-2", "web-2", state="stopped")
    plan = await plugin.plan("systemctl restart nginx", web, off, web)
    assert plan.summary == "Run a script on 2 instances for at most 2 minutes"
    assert plan.command == "systemctl restart nginx"
    assert plan.changes == (
        Change("i-1", "web-1", "running", "runs the script"),
        Change("i-2", "web-2", "stopped", "runs the script"),
    )
    assert plan.warnings == ("web-2 is stopped, so the script will probably not reach it.",)
    again = await plugin.plan("systemctl restart nginx", web, off)
    assert plan.digest() == again.digest()
    longer = await plugin.plan("systemctl restart nginx", web, off, timeout=MINUTE)
    assert plan.digest() != longer.digest()


async def test_a_non_zero_exit_code_is_shown_as_a_warning(load, web, ending):
    failed = ending(0.5, "failed", 3, "half\n", "no such unit\n")
    reply = await load({"i-1": failed}, scripts=SCRIPTS).run("df -h", web)
    assert reply.status == "success"
    assert (reply.data["exitCode"], reply.data["status"]) == (3, "failed")
    assert reply.data["output"] == "half\nno such unit\n"
    assert reply.view[0].severity is Severity.WARNING
    assert reply.view[1:] == (Code("half", "df -h"), Code("no such unit", "Errors"))


async def test_errors_begin_on_a_new_line(load, web, ending):
    failed = ending(0, "failed", 1, "half", "broken")
    reply = await load({"i-1": failed}, scripts=SCRIPTS).run("df -h", web)
    assert reply.data["output"] == "half\nbroken"


async def test_empty_output_is_noted(load, web, ending):
    reply = await load({"i-1": ending(0)}, scripts=SCRIPTS).run("df -h", web)
    assert reply.view[1].text == "(no output)"
    assert reply.data["output"] == ""


async def test_long_output_is_shown_completely(load, web, ending):
    text = "".join(f"line {number} {'x' * 500}\n" for number in range(1000))
    plugin = load({"i-1": ending(0, output=text, errors="a warning\n")}, scripts=SCRIPTS)
    reply = await plugin.run("df -h", web)
    assert reply.view[1:] == (Code(text.rstrip("\n"), "df -h"), Code("a warning", "Errors"))
    assert reply.data["output"] == f"{text}a warning\n"
    assert text in plain(reply)


async def test_truncated_output_is_noted(load, web, ending):
    plugin = load({"i-1": ending(0, output="a\n", truncated=True)}, scripts=SCRIPTS)
    reply = await plugin.run("df -h", web)
    assert reply.view[-1] == Text("The platform cut the output; there was more.", style="note")
    assert reply.data["truncated"] is True


async def test_the_polling_interval_increases_to_its_maximum(load, web, ending):
    plugin = load({"i-1": ending(9)}, scripts=SCRIPTS)
    await plugin.run("df -h", web)
    slept = plugin.clock.slept
    assert slept[:5] == [0.25, 0.5, 0.5, 0.5, 0.5]
    assert slept == sorted(slept)
    assert slept[-1] == 2.0


async def test_a_script_that_times_out_is_cancelled_and_reported(load, web):
    plugin = load({}, scripts=SCRIPTS)
    reply = await plugin.run("df -h", web, timeout=timedelta(seconds=10))
    assert plugin.runner.cancelled == ["run-1"]
    assert sum(plugin.clock.slept) == 10
    assert (reply.data["status"], reply.data["exitCode"]) == ("timed-out", None)
    assert reply.view[0].text == "web-1: timed out after 10.0 s."


async def test_a_script_that_ends_during_the_cancellation_keeps_its_result(load, web, ending):
    plugin = load({"i-1": ending(10.5, output="late")}, scripts=SCRIPTS)

    async def slow_cancel(run_id):
        plugin.clock.at += 1

    plugin.runner.cancel = slow_cancel
    reply = await plugin.run("df -h", web, timeout=timedelta(seconds=10))
    assert (reply.data["status"], reply.data["output"]) == ("success", "late")


async def test_an_unconfirmed_stop_is_noted(load, web):
    plugin = load({}, scripts=SCRIPTS)
    plugin.runner.cancel_fault = BackendUnavailable("away")
    reply = await plugin.run("df -h", web)
    assert reply.data["status"] == "timed-out"
    assert reply.view[-1].text.startswith("It may still be running")
    plugin = load({}, scripts=SCRIPTS)
    plugin.runner.obeys = False
    reply = await plugin.run("df -h", web)
    assert reply.data["status"] == "timed-out"
    assert "had not stopped" in reply.view[-1].text


async def test_a_run_that_is_not_visible_yet_is_polled_again(load, web, ending):
    plugin = load({"i-1": ending(0, output="ok")}, scripts=SCRIPTS)
    known = plugin.runner.results

    async def nothing_yet(run_id):
        plugin.runner.results = known
        return ()

    plugin.runner.results = nothing_yet
    assert (await plugin.run("df -h", web)).data["output"] == "ok"
    assert plugin.clock.slept == [0.25]


async def test_a_single_failed_poll_is_retried(load, web, ending):
    plugin = load({"i-1": ending(3, output="ok")}, scripts=SCRIPTS)
    plugin.runner.faults = [BackendUnavailable("away")] * 4
    reply = await plugin.run("df -h", web)
    assert reply.data["output"] == "ok"


async def test_a_throttled_poll_honours_retry_after(load, web, ending):
    plugin = load({"i-1": ending(1)}, scripts=SCRIPTS)
    plugin.runner.faults = [RateLimited("slow down", retry_after=7)]
    await plugin.run("df -h", web)
    assert plugin.clock.slept == [7]


@pytest.mark.parametrize("kind", [BackendUnavailable, PermissionDenied, RateLimited, Unreachable])
async def test_a_persistent_polling_failure_reports_an_unknown_outcome(load, web, kind):
    plugin = load({}, scripts=SCRIPTS)
    plugin.runner.faults = [kind("away", details="port 22")] * 5
    with pytest.raises(BackendUnavailable) as caught:
        await plugin.run("df -h", web)
    assert "started as run-1; its outcome is unknown" in caught.value.details
    assert caught.value.details.endswith("port 22")
    assert not caught.value.undone


@pytest.mark.parametrize("seconds", [0.5, 601])
async def test_a_timeout_out_of_range_is_refused(load, web, seconds):
    plugin = load({}, scripts=SCRIPTS)
    for attempt in (plugin.run, plugin.plan):
        with pytest.raises(ValidationFailed, match="is not possible") as caught:
            await attempt("df -h", web, timeout=timedelta(seconds=seconds))
        assert "10 minutes" in caught.value.details
    assert plugin.runner.sent == []


async def test_too_many_targets_are_refused(load):
    plugin = load({}, scripts=SCRIPTS, max_targets=2)
    targets = [machine(f"i-{number}") for number in range(3)]
    for attempt in (plugin.run, plugin.plan):
        with pytest.raises(ValidationFailed, match="3 instances are too many"):
            await attempt("df -h", *targets)
    assert plugin.runner.sent == []


async def test_the_deadline_exceeds_max_timeout(load):
    plugin = load(max_timeout="15m")
    assert plugin.execute.deadline > timedelta(minutes=15)


async def test_list_scripts_lists_scripts_of_the_person(load):
    plugin = load(
        scripts=[*SCRIPTS, {"template": "systemctl status {unit}", "platforms": ["linux"]}]
    )
    listed = plugin.commands["list scripts"]
    reply = await listed(plugin.call())
    assert isinstance(reply.view[0], Table)
    assert [row[:4] for row in reply.view[0].rows] == [
        ("df -h", "at once", "any", "1 minute"),
        ("systemctl restart nginx", "after confirmation", "any", "2 minutes"),
        ("systemctl status {unit}", "after confirmation", "linux", "1 minute"),
    ]
    assert reply.data["scripts"][2]["parameters"] == ["unit"]
    nothing = await load(scripts=SCRIPTS[2:]).commands["list scripts"](plugin.call())
    assert nothing.data == {"scripts": []}
