"""Every documented command, sent to a running server that operates a simulated AWS."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from serving import ROOT, Server
from smartops_simulators.aws import AwsSimulator
from wire_shapes import (
    HEALTH,
    INSTANCE,
    ONE,
    POWER,
    SEVERAL,
    TAGS,
    TEXT_OR_NONE,
    TOKENS,
    data_of,
    fits,
    refused,
)

WEB = "i-0abc123def0000001"
MANY = ["far-1", "shop-1", "web-1", "web-2"]
"""What carries the tag Role=web, in both accounts."""

Data = dict[str, Any]
SHOWN = {**INSTANCE, "stateReason": str, "failedChecks": list, "scheduledEvents": list}
LIST = {"instances": [INSTANCE], "summary": dict, "next": TEXT_OR_NONE}
Check = Callable[[Data], None]


def lists(*names: str) -> Check:
    def check(data: Data) -> None:
        fits(data, LIST)
        assert [item["name"] for item in data["instances"]] == list(names)
        assert data["summary"]["total"] == len(names)

    return check


def shows(name: str, **fields: Any) -> Check:
    def check(data: Data) -> None:
        fits(data, SHOWN)
        assert {**data, "name": name, **fields} == data

    return check


def health(overall: str, *issues: tuple[str, str], cost: str = "+10%", **counts: int) -> Check:
    def check(data: Data) -> None:
        fits(data, HEALTH)
        assert data["overall_health"] == overall
        assert [(item["name"], item["issue"]) for item in data["issues"]] == list(issues)
        zero = ("healthy", "warning", "critical", "not_running", "not_measured")
        assert data["summary"] == {**dict.fromkeys(zero, 0), **counts}
        for name in ("cpu_trend", "cost_trend"):
            assert re.fullmatch(r"[+-]\d+%", data["trends"][name])
        assert data["trends"]["cost_trend"] == cost
        assert re.fullmatch(r"[+-]\d+", data["trends"]["instance_count_change"])

    return check


def ran(output: str, status: str = "success", code: int | None = 0, **more: Any) -> Check:
    def check(data: Data) -> None:
        fits(data, ONE)
        assert (data["status"], data["exitCode"]) == (status, code)
        assert data["output"].startswith(output)
        assert re.fullmatch(r"home/eu-central-1:[0-9a-f-]{36}", data["commandId"])
        assert {**data, **more} == data

    return check


def ran_on(outputs: Mapping[str, str], **counts: int) -> Check:
    def check(data: Data) -> None:
        fits(data, SEVERAL)
        reported = {item["name"]: item["output"] for item in data["results"]}
        assert reported == dict(outputs)
        kinds = ("success", "failed", "timedOut", "unreachable", "cancelled")
        assert data["summary"] == {"total": len(reported), **dict.fromkeys(kinds, 0), **counts}

    return check


def moved(verb: str, *moves: tuple[str, str, str]) -> Check:
    def check(data: Data) -> None:
        fits(data, POWER if verb == "reboot" else {**POWER, "undo": dict})
        reported = [(item["name"], item["before"], item["after"]) for item in data["instances"]]
        assert (data["action"], reported) == (verb, list(moves))
        unchanged = sum(before == after and verb != "reboot" for _, before, after in moves)
        accepted = len(moves) - unchanged
        total = {"total": len(moves), "accepted": accepted, "unchanged": unchanged}
        assert data["summary"] == total

    return check


def scripts(data: Data) -> None:
    keys = ("script", "parameters", "readOnly", "platforms", "timeout", "description")
    assert all(set(item) == set(keys) for item in data["scripts"])
    first, second = data["scripts"][:2]
    assert (first["script"], first["readOnly"], first["platforms"]) == ("df -h", True, ["linux"])
    assert (second["script"], second["parameters"]) == ("systemctl status {unit}", ["unit"])


def usage(data: Data) -> None:
    fits(data, {"model": str, "person": TOKENS, "everybody": TOKENS, "resetsAt": str})


def tags(**expected: str) -> Check:
    def check(data: Data) -> None:
        fits(data, TAGS)
        assert data["tags"] == expected

    return check


STATUS = {
    "far-1": "inactive\nfailed to run commands: exit status 3",
    "shop-1": "active on shop-1 in eu-central-1\n",
    "web-1": "active on web-1 in eu-central-1\n",
    "web-2": "active on web-2 in eu-central-1\n",
}
HIGH, FULL = ("web-2", "High CPU usage"), ("shop-2", "Disk nearly full")
OFF = ("off-1", "Not running")

READS: Mapping[str, Mapping[str, Check]] = {
    "list instances": {
        "list instances --tag Role=web": lists(*MANY),
        "list instances --tag Role=web,Role=till": lists("far-1", "shop-1", "shop-2", *MANY[2:]),
        "list instances --state stopped,terminated": lists("gone-1", "off-1", "stray-2"),
        "list instances --name 'web-*'": lists("web-1", "web-2"),
        "list instances --platform windows": lists("win-1"),
        "list instances --type m5.large": lists("web-2"),
        "list instances --name 'web-*' --sort type": lists("web-2", "web-1"),
        "list instances --backend 'shop/*'": lists("batch-1", "batch-2", "shop-1", "shop-2"),
        "list instances --backend home/us-east-1 --tag Role=web": lists("far-1"),
        "list instances --name nobody": lists(),
        # --page is in a test of its own
    },
    "show": {
        "show web-1": shows(
            "web-1",
            instanceId=WEB,
            type="t3.medium",
            state="running",
            platform="linux",
            publicIp="203.0.113.7",
            tags={"Name": "web-1", "Role": "web", "smartops": "managed"},
            backend="home/eu-central-1",
        ),
        f"show instance {WEB}": shows("web-1"),
        "show 203.0.113.7": shows("web-1"),
        "show off-1": shows("off-1", state="stopped"),
        "show shop-1": shows("shop-1", backend="shop/eu-central-1"),
    },
    "tags": {"tags web-1": tags(Name="web-1", Role="web", smartops="managed")},
    "check health": {
        "check health": health(
            "critical", OFF, HIGH, FULL, healthy=13, warning=1, critical=2, not_running=1
        ),
        "health web-2": health("critical", HIGH, cost="+0%", critical=1),
        "check health shop-2": health("warning", FULL, cost="+0%", warning=1),
        "check health web-1": health("healthy", cost="+0%", healthy=1),
        "check health tag:Role=web": health("critical", HIGH, cost="+0%", healthy=3, critical=1),
        "check health web-1,shop-2": health("warning", FULL, cost="+0%", healthy=1, warning=1),
    },
    "execute": {
        'execute "df -h" on web-1': ran("Filesystem", command="df -h", instanceId=WEB),
        "run 'systemctl status nginx' on web-1 --timeout 30s": ran(STATUS["web-1"]),
        "execute 'systemctl status nginx' on tag:Role=web": ran_on(STATUS, success=3, failed=1),
        "execute 'systemctl status nginx' on web-1,web-2": ran_on(
            {name: STATUS[name] for name in ("web-1", "web-2")}, success=2
        ),
        "execute Get-Service on win-1": ran("Running  DNS\n"),
        "execute journalctl on web-1": ran("a line of the log\n", truncated=True),
    },
    "list scripts": {"list scripts": scripts},
    "model usage": {"model usage": usage},
}
"""Reads: by command, the text and the check of its data."""

POWERS: Sequence[tuple[str, str, Check]] = (
    ("stop shop-2", "Stop shop-2", moved("stop", ("shop-2", "running", "stopped"))),
    ("start shop-2", "Start shop-2", moved("start", ("shop-2", "stopped", "running"))),
    ("reboot shop-2", "Reboot shop-2", moved("reboot", ("shop-2", "running", "running"))),
    ("restart shop-2", "Reboot shop-2", moved("reboot", ("shop-2", "running", "running"))),
    (
        "stop batch-1,batch-2,off-1",
        "Stop 2 instances",
        moved(
            "stop",
            ("batch-1", "running", "stopped"),
            ("batch-2", "running", "stopped"),
            ("off-1", "stopped", "stopped"),
        ),
    ),
    (
        "start batch-1,batch-2",
        "Start 2 instances",
        moved("start", ("batch-1", "stopped", "running"), ("batch-2", "stopped", "running")),
    ),
)
"""Changes in order: the text, the summary of the plan, and the check of the confirmed data."""

AFTER = {"stop": "stopped", "start": "running", "reboot": "running"}
TAG, UNTAG = 'tag shop-1 "Owner=Shop team",Tier=2', "untag shop-1 Tier"
RETAG = "tag shop-1 Tier=3 --remove Owner"

PAIRS = [(text, check) for said in READS.values() for text, check in said.items()]


@pytest.mark.parametrize(("text", "check"), PAIRS, ids=[text for text, _ in PAIRS])
def test_every_read_returns_its_data(server: Server, ann: str, text: str, check: Check) -> None:
    check(data_of(server.say(ann, text)))


def confirmed(server: Server, token: str, text: str, summary: str) -> Data:
    """Say what needs a confirmation, look at what is asked, and confirm it."""
    asked = server.say(token, text)
    assert (asked.status, asked.body["status"]) == (200, "pending"), asked.body
    assert set(asked.data["plan"]) >= {"summary", "changes", "command", "warnings"}
    assert asked.data["plan"]["summary"] == summary
    kinds = [item["type"] for item in asked.data["actions"]]
    assert kinds == ["confirm", "cancel"]
    assert all(set(item) == {"type", "label", "action"} for item in asked.data["actions"])
    return data_of(server.say(token, asked.action("confirm")))


def settled(server: Server, token: str, name: str, state: str) -> None:
    """Ask until an instance has come to a state, as a person would."""
    for _ in range(200):
        if data_of(server.say(token, f"show {name}"))["state"] == state:
            return
    raise AssertionError(f"{name} never was {state}")


def test_power_changes_happen_once_after_confirmation(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    for text, summary, check in POWERS:
        data = confirmed(server, ann, text, summary)
        check(data)
        for item in data["instances"]:
            settled(server, ann, item["name"], AFTER[data["action"]])
    for operation, times in (("StopInstances", 2), ("StartInstances", 2), ("RebootInstances", 2)):
        calls = faulty.calls.of(operation)
        real = [call for call in calls if not call.params.get("DryRun")]
        assert len(real) == times
        assert len(calls) == 3 * times  # tried dry before the question, and before the deed
        assert {call.caller.rpartition("/")[2] for call in real} == {"ann"}


def test_a_cancelled_change_does_not_happen(server: Server, ann: str, faulty: AwsSimulator) -> None:
    asked = server.say(ann, "stop shop-1")
    data_of(server.say(ann, asked.action("cancel")))
    refused(server.say(ann, asked.action("confirm")), 409, "APPROVAL_INVALID")
    assert [call.params["DryRun"] for call in faulty.calls.of("StopInstances")] == [True]


def test_tags_are_set_and_removed(server: Server, ann: str, faulty: AwsSimulator) -> None:
    own = {"Name": "shop-1", "Role": "web", "smartops": "managed"}
    data = confirmed(server, ann, TAG, "Set 2 tags of shop-1")
    fits(data, {**TAGS, "changed": int, "operation": str, "undo": dict})
    assert (data["tags"], data["changed"]) == ({**own, "Owner": "Shop team", "Tier": "2"}, 2)
    assert data_of(server.say(ann, "tags shop-1"))["tags"]["Owner"] == "Shop team"
    data = confirmed(server, ann, RETAG, "Set 2 tags of shop-1")
    assert data["tags"] == {**own, "Tier": "3"}
    data = confirmed(server, ann, UNTAG, "Remove 1 tag of shop-1")
    assert (data["tags"], data["changed"]) == (own, 1)
    assert data_of(server.say(ann, "tags shop-1"))["tags"] == own
    for operation in ("CreateTags", "DeleteTags"):
        tried = [bool(call.params.get("DryRun")) for call in faulty.calls.of(operation)]
        assert tried == [True, True, False] * 2  # twice dry


def test_a_script_that_changes_something_is_confirmed_first(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    text = "execute 'systemctl restart nginx' on tag:Role=web --timeout 45s"
    summary = "Run a script on 4 instances for at most 45 seconds"
    data = confirmed(server, ann, text, summary)
    ran_on(dict.fromkeys(MANY, "restarted\n"), success=4)(data)
    sent = faulty.calls.of("SendCommand")
    assert len(sent) == 3  # one for each region
    assert {call.params["DocumentName"] for call in sent} == {"Ops-Service"}
    assert all(call.params["Parameters"]["verb"] == ["restart"] for call in sent)


def test_windows_has_its_own_document(server: Server, ann: str, faulty: AwsSimulator) -> None:
    data_of(server.say(ann, "execute Get-Service on win-1"))
    data_of(server.say(ann, "execute journalctl on win-1"))
    data_of(server.say(ann, "execute journalctl on web-1"))
    names = [call.params["DocumentName"] for call in faulty.calls.of("SendCommand")]
    assert names == ["Ops-Services", "AWS-RunPowerShellScript", "AWS-RunShellScript"]


def test_pages_follow_each_other(server: Server, ann: str) -> None:
    names: list[str] = []
    text = "list instances --state running"
    for size in (10, 5):
        answer = server.say(ann, text)
        data = data_of(answer)
        fits(data, LIST)
        assert (len(data["instances"]), data["summary"]["total"]) == (size, 15)
        names += [item["name"] for item in data["instances"]]
        if data["next"]:
            text = answer.action("command")
            assert text == f"list instances --state running --page {data['next']}"
    assert data["next"] is None
    assert names == sorted(names)
    refused(server.say(ann, "list instances --page nonsense"), 400, "VALIDATION_ERROR")


def test_free_text_is_answered_and_changes_are_only_proposed(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    before = data_of(server.say(ann, "model usage"))["person"]["requests"]
    counted = server.say(ann, "how many web servers have we got?")
    assert data_of(counted)["commands"] == ["list instances --name web-*"]
    assert counted.data["message"] == "I counted them."
    asked = server.say(ann, "please switch off web-1")
    assert (asked.body["status"], asked.data["understood"]) == ("pending", "stop web-1")
    data_of(server.say(ann, asked.action("cancel")))
    assert data_of(server.say(ann, "model usage"))["person"]["requests"] == before + 3
    assert [call.params["DryRun"] for call in faulty.calls.of("StopInstances")] == [True]


def test_every_documented_command_is_tested(server: Server, ann: str) -> None:
    """Every phrase and option of the help and of the plugins' pages is tested above."""
    said = [text for text, _ in PAIRS] + [text for text, _, _ in POWERS] + [TAG, RETAG, UNTAG]
    offered = data_of(server.say(ann, "help"))["commands"]
    verbs = set()
    for item in offered:
        if item["group"] == "core":
            continue
        manual = data_of(server.say(ann, f"help {item['name']}"))["command"]
        for line in manual["usage"]:
            begins = re.split(r" \[| [A-Z]{2}", line)[0]
            assert any(text.startswith(begins) for text in said), line
            verbs.add(line.split()[0])
        options = {f"--{item['name']}" for item in manual["arguments"] if item["option"]}
        own = " ".join(text for text in said if text.startswith(item["name"]) or "run" in text)
        assert options - {"--page"} <= set(re.findall(r"--\w+", own))
    for plugin in ("instances", "health", "exec"):
        page = (ROOT / "plugins" / f"smartops_{plugin}" / "README.md").read_text()
        table = page.partition("| Command |")[2].partition("\n\n")[0]
        phrases = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
        assert phrases
        assert set(re.findall(r"`([a-z]+)", " ".join(phrases))) <= verbs
