"""AWS throttles, hangs, answers nonsense, or regions, keys and agents fail: codes in bounded time.

AWS may take 0.3 seconds for an answer here. The client gives up after 30.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from serving import Server
from smartops_simulators.aws import AwsSimulator
from wire_shapes import FAILURE, data_of, fits, refused

HOME, SHOP = "111111111111", "222222222222"
WEB = "i-0abc123def0000001"
DF = "execute 'df -h' on web-1"
DOWN = ["home/us-east-1", "shop/eu-west-1"]
WRONG = ["malformed", "cut", "html", "empty"]
"""Answers with status 200 that are broken, or are not from AWS."""

numbers = itertools.count()


@pytest.fixture(scope="module")
def timeout() -> str:
    return "300ms"


def everything() -> str:
    """Ask for all instances with a condition of its own, because listings are cached."""
    return f"list instances --name '*' --name no-{next(numbers)}"


def done(cloud: AwsSimulator, operation: str) -> list[Any]:
    """Return the calls that were not dry runs."""
    return [call for call in cloud.calls.of(operation) if not call.params.get("DryRun")]


READS = [
    ("hang", "ec2:DescribeInstances", 503, "BACKEND_UNAVAILABLE", "did not answer to list"),
    ("throttle", "ec2:DescribeInstances", 429, "RATE_LIMITED", "throttling requests to list"),
    *(
        (kind, "ec2:DescribeInstances", 503, "BACKEND_UNAVAILABLE", "no valid answer to list")
        for kind in WRONG
    ),
]


@pytest.mark.parametrize(("kind", "action", "status", "code", "words"), READS)
def test_a_failed_listing_is_not_an_empty_fleet(
    server: Server,
    ann: str,
    faulty: AwsSimulator,
    kind: str,
    action: str,
    status: int,
    code: str,
    words: str,
) -> None:
    faulty.fault(action, kind)
    error = refused(server.say(ann, everything()), status, code, words, action)
    assert error.get("retry_after") == (5 if kind == "throttle" else None)
    others = () if kind == "throttle" else ("check health", "stop web-1")  # its retries take long
    for text in others:
        refused(server.say(ann, text), status, code)


SCRIPTS = [
    ("ssm:*", "hang", 503, "BACKEND_UNAVAILABLE", "ssm:DescribeInstanceInformation", 0),
    ("ssm:DescribeInstanceInformation", "html", 503, "BACKEND_UNAVAILABLE", "no valid answer", 0),
    ("ssm:SendCommand", "throttle", 429, "RATE_LIMITED", "ssm:SendCommand", 2),
    ("ssm:ListCommandInvocations", "drop", 503, "BACKEND_UNAVAILABLE", "outcome is unknown", 1),
    ("ssm:ListCommandInvocations", "html", 503, "BACKEND_UNAVAILABLE", "outcome is unknown", 1),
]


@pytest.mark.parametrize(("action", "kind", "status", "code", "words", "sent"), SCRIPTS)
def test_a_failed_script_is_sent_no_more_often_than_is_safe(
    server: Server,
    ann: str,
    faulty: AwsSimulator,
    action: str,
    kind: str,
    status: int,
    code: str,
    words: str,
    sent: int,
) -> None:
    faulty.fault(action, kind)
    refused(server.say(ann, DF), status, code, words)
    assert len(faulty.calls.of("SendCommand")) == sent


@pytest.mark.parametrize("kind", ["lose", *WRONG])
def test_a_script_with_a_lost_or_wrong_answer_is_found_and_not_sent_again(
    server: Server, ann: str, faulty: AwsSimulator, kind: str
) -> None:
    faulty.fault("ssm:SendCommand", kind)
    assert data_of(server.say(ann, DF))["output"].startswith("Filesystem")
    assert len(faulty.calls.of("SendCommand")) == 1


def test_a_script_that_is_not_found_may_have_been_run(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    faulty.fault("ssm:SendCommand", "cut")
    faulty.fault("ssm:ListCommands", "html")
    error = refused(server.say(ann, DF), 504, "TIMEOUT", "may have been run")
    assert "check the target's state before you retry" in error["details"]
    assert len(faulty.calls.of("SendCommand")) == 1


def test_results_are_read_again_after_a_wrong_answer(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    for action in ("ssm:ListCommandInvocations", "ssm:GetCommandInvocation"):
        faulty.fault(action, "html", times=2)
        assert data_of(server.say(ann, "execute journalctl on web-1"))["exitCode"] == 0


@pytest.mark.parametrize(
    ("text", "action", "kind", "after", "status", "words"),
    [
        ("stop web-1", "ec2:StopInstances", "throttle", 1, 429, "ec2:StopInstances"),
        ("reboot web-1", "ec2:RebootInstances", "hang", 1, 503, "may or may not have happened"),
        ("tag web-2 Seen=1", "ec2:CreateTags", "cut", 1, 503, "may or may not have happened"),
        *(
            ("reboot web-1", "ec2:RebootInstances", kind, 1, 503, "may or may not have happened")
            for kind in WRONG
        ),
    ],
)
def test_a_change_without_a_valid_answer_may_have_happened(
    server: Server,
    ann: str,
    faulty: AwsSimulator,
    text: str,
    action: str,
    kind: str,
    after: int,
    status: int,
    words: str,
) -> None:
    asked = server.say(ann, text)
    faulty.fault(action, kind, after=after)  # the dry run before the change succeeds
    code = "RATE_LIMITED" if kind == "throttle" else "BACKEND_UNAVAILABLE"
    refused(server.say(ann, asked.action("confirm")), status, code, words)
    if kind == "throttle":
        assert data_of(server.say(ann, "show web-1"))["state"] == "running"


@pytest.mark.parametrize("kind", ["throttle", "hang", "html"])
def test_without_measurements_the_list_has_a_note_and_health_is_refused(
    server: Server, ann: str, faulty: AwsSimulator, kind: str
) -> None:
    faulty.fault("cloudwatch:*", kind)
    data = data_of(server.say(ann, "list instances --name web-1"))
    assert data["instances"][0]["metrics"]["cpuUtilization"] is None
    assert data["note"].startswith("Without measurements")
    status, code = (429, "RATE_LIMITED") if kind == "throttle" else (503, "BACKEND_UNAVAILABLE")
    refused(server.say(ann, "check health web-1"), status, code)


@pytest.mark.parametrize("kind", ["throttle", "html"])
def test_without_a_bill_only_the_cost_trend_is_missing(
    server: Server, ann: str, faulty: AwsSimulator, kind: str
) -> None:
    faulty.fault("ce:GetCostAndUsage", kind)
    answer = server.say(ann, "check health")
    trends = data_of(answer)["trends"]
    assert (trends["cost_trend"], trends["unknown"]) == ("+0%", ["cost_trend"])
    assert "to read costs" in answer.data["message"]


def test_a_script_that_takes_too_long_is_stopped(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "execute 'systemctl status slow' on tag:Role=web --timeout 1s"))
    assert data["summary"]["timedOut"] == data["summary"]["total"] == 4
    stopped = {call.params["CommandId"] for call in faulty.calls.of("CancelCommand")}
    assert len(stopped) == len(faulty.calls.of("SendCommand")) == 3


@pytest.fixture
def how() -> str:
    """How the regions fail."""
    return "drop"


@pytest.fixture
def halved(how: str, faulty: AwsSimulator) -> AwsSimulator:
    """The cloud with one region of each account down."""
    faulty.fault("*", how, account=HOME, region="us-east-1")
    faulty.fault("*", how, account=SHOP, region="eu-west-1")
    return faulty


@pytest.mark.parametrize("how", ["hang", "unavailable", "html"])
def test_missing_regions_are_named_and_the_others_are_listed(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    answer = server.say(ann, f"{everything()} --tag Role=web,Role=twin")
    data = data_of(answer)
    assert [item["name"] for item in data["instances"]] == ["shop-1", "twin", "web-1", "web-2"]
    fits(data["failures"], [FAILURE])
    assert sorted(item["backend"] for item in data["failures"]) == DOWN
    assert {item["code"] for item in data["failures"]} == {"BACKEND_UNAVAILABLE"}
    for name in DOWN:
        assert f"Without {name}: AWS" in answer.data["message"]


def test_health_without_some_regions_names_them(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "check health"))
    assert sorted(item["backend"] for item in data["failures"]) == DOWN
    assert [item["name"] for item in data["issues"]] == ["off-1", "web-2", "shop-2"]
    assert sum(data["summary"].values()) == 13


def test_a_change_is_refused_if_some_targets_may_be_missing(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    for text in (
        "stop web-1",
        "reboot tag:Role=web",
        "execute 'systemctl status a' on tag:Role=web",
    ):
        error = refused(server.say(ann, text), 503, "BACKEND_UNAVAILABLE", *DOWN)
        assert "id" in error["details"]
    assert server.say(ann, f"stop {WEB}").body["status"] == "pending"
    assert data_of(server.say(ann, f"execute 'df -h' on {WEB}"))["exitCode"] == 0
    refused(server.say(ann, "show far-1"), 503, "BACKEND_UNAVAILABLE", "not every backend")
    assert not done(halved, "StopInstances")


def test_a_region_that_is_not_selected_is_not_called(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "list instances --backend '*/eu-central-1' --tag Role=web"))
    assert [item["name"] for item in data["instances"]] == ["shop-1", "web-1", "web-2"]
    assert "failures" not in data
    assert not halved.calls.of("DescribeInstances", region="us-east-1")


def test_a_region_that_fails_while_a_script_runs_is_named(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    faulty.fault("ssm:ListCommandInvocations", "drop", region="us-east-1")
    answer = server.say(ann, "execute 'systemctl status nginx' on tag:Role=web --timeout 2s")
    data = data_of(answer)
    by_name = {item["name"]: item["status"] for item in data["results"]}
    assert by_name == {
        "far-1": "timed-out",
        "shop-1": "success",
        "web-1": "success",
        "web-2": "success",
    }
    assert "home/us-east-1" in answer.data["message"]


def test_regions_that_recover_are_listed_again(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    assert "failures" in data_of(server.say(ann, everything()))
    halved.heal()
    data = data_of(server.say(ann, everything()))
    assert "failures" not in data
    assert data["summary"]["total"] == 17


@pytest.mark.parametrize(
    "text", ["list", "check health", "stop web-1", "show web-1", DF, "tags web-1"]
)
def test_expired_credentials_are_not_reported_as_a_missing_permission(
    server: Server, ann: str, faulty: AwsSimulator, text: str
) -> None:
    faulty.fault("*", "expired")
    text = everything() if text == "list" else text
    error = refused(server.say(ann, text), 403, "PERMISSION_DENIED", "credentials of SmartOps")
    assert "no permission is missing" in error["details"]
    assert "RequestExpired" in error["details"]


def test_expired_keys_of_one_account_leave_the_other(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    data_of(server.say(ann, everything()))
    faulty.fault("*", "expired", key="ASIA*")  # those of the role
    data = data_of(server.say(ann, everything()))
    assert data["summary"]["total"] == 13
    by_name = {item["backend"]: item["code"] for item in data["failures"]}
    assert by_name == {
        "shop/eu-central-1": "PERMISSION_DENIED",
        "shop/eu-west-1": "PERMISSION_DENIED",
    }
    faulty.heal()
    assert data_of(server.say(ann, everything()))["summary"]["total"] == 17


def test_keys_that_expire_before_a_change_prevent_it(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    asked = server.say(ann, "reboot web-1")
    faulty.fault("*", "expired")
    answer = server.say(ann, asked.action("confirm"))
    refused(answer, 403, "PERMISSION_DENIED", "credentials of SmartOps")
    faulty.heal()
    assert not [call for call in done(faulty, "RebootInstances") if not call.error]


def test_instances_with_offline_agents_are_unreachable(
    server: Server, ann: str, faulty: AwsSimulator
) -> None:
    region = faulty.region(HOME, "eu-central-1")
    web = [region.instance("web-1"), region.instance("web-2")]
    try:
        web[0].agent = "lost"
        data = data_of(server.say(ann, "execute 'df -h' on web-1,web-2"))
        by_name = {item["name"]: (item["status"], item["exitCode"]) for item in data["results"]}
        assert by_name == {"web-1": ("unreachable", None), "web-2": ("success", 0)}
        web[1].agent = "inactive"
        refused(server.say(ann, "execute 'df -h' on web-1,web-2"), 503, "SSM_UNAVAILABLE", "web-1")
        refused(server.say(ann, DF), 503, "SSM_UNAVAILABLE", "ConnectionLost")
    finally:
        for each in web:
            each.agent = "online"
    assert data_of(server.say(ann, DF))["exitCode"] == 0
