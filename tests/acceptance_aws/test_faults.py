"""When AWS throttles, hangs, loses regions, keys and agents: the right code, in bounded time.

The configuration bounds the time: AWS may take 0.3 seconds for an answer. The client
gives up after 30.
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
AWAY = ["home/us-east-1", "shop/eu-west-1"]

numbers = itertools.count()


@pytest.fixture(scope="module")
def patience() -> str:
    return "300ms"


def everything() -> str:
    """Ask for all instances in words that nobody used: a listing is remembered for a moment."""
    return f"list instances --name '*' --name no-{next(numbers)}"


def done(cloud: AwsSimulator, operation: str) -> list[Any]:
    """Return the calls that were no dry runs."""
    return [call for call in cloud.calls.of(operation) if not call.params.get("DryRun")]


# Throttling


def test_throttling_says_when_to_come_back(server: Server, ann: str, upset: AwsSimulator) -> None:
    upset.fault("ec2:DescribeInstances", "throttle")
    error = refused(server.say(ann, everything()), 429, "RATE_LIMITED", "ec2:DescribeInstances")
    assert error["retry_after"] == 5
    assert error["message"] == "AWS is throttling requests to list instances"
    assert len(upset.calls.of("DescribeInstances")) == 4 * 3  # regions, attempts of the SDK


def test_a_little_throttling_is_nobodys_concern(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ec2:DescribeInstances", "throttle", times=1)
    assert "failures" not in data_of(server.say(ann, everything()))


def test_a_throttled_script_was_not_sent(server: Server, ann: str, upset: AwsSimulator) -> None:
    upset.fault("ssm:SendCommand", "throttle")
    error = refused(server.say(ann, DF), 429, "RATE_LIMITED", "ssm:SendCommand")
    assert error["retry_after"] == 5
    assert upset.region(HOME, "eu-central-1").commands.keys() == set()
    assert [call.error for call in upset.calls.of("SendCommand")] == ["ThrottlingException"] * 2


def test_a_throttled_change_was_not_made(server: Server, ann: str, upset: AwsSimulator) -> None:
    asked = server.say(ann, "stop web-1")
    upset.fault("ec2:StopInstances", "throttle", after=1)  # the second dry run passes
    refused(server.say(ann, asked.action("confirm")), 429, "RATE_LIMITED", "ec2:StopInstances")
    assert data_of(server.say(ann, "show web-1"))["state"] == "running"


def test_throttled_metrics_cost_the_list_a_note_and_health_its_answer(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("cloudwatch:GetMetricData", "throttle")
    data = data_of(server.say(ann, "list instances --name web-1"))
    assert data["instances"][0]["metrics"]["cpuUtilization"] is None
    assert "AWS is throttling requests to read metrics" in data["note"]
    error = refused(server.say(ann, "check health"), 429, "RATE_LIMITED", "home/us-east-1")
    assert error["retry_after"] == 5


def test_throttled_bills_cost_only_their_trend(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ce:GetCostAndUsage", "throttle")
    answer = server.say(ann, "check health web-1")
    trends = data_of(answer)["trends"]
    assert (trends["cost_trend"], trends["unknown"]) == ("+0%", ["cost_trend"])
    assert "AWS is throttling requests to read costs" in answer.data["message"]


# Time-outs


def test_no_answer_to_anything(server: Server, ann: str, upset: AwsSimulator) -> None:
    upset.fault("ec2:DescribeInstances", "hang")
    error = refused(server.say(ann, everything()), 503, "BACKEND_UNAVAILABLE", "did not answer")
    assert "Nothing" not in error["details"]  # a list changes nothing: that needs no words
    refused(server.say(ann, "stop web-1"), 503, "BACKEND_UNAVAILABLE", "did not answer")


def test_a_change_without_an_answer_may_have_happened(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    asked = server.say(ann, "reboot web-1")
    upset.fault("ec2:RebootInstances", "hang", after=1)
    answer = server.say(ann, asked.action("confirm"))
    refused(answer, 503, "BACKEND_UNAVAILABLE", "It may or may not have happened")


def test_a_script_whose_answer_is_lost_is_found_and_not_sent_again(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ssm:SendCommand", "lose")
    data = data_of(server.say(ann, DF))
    assert data["output"].startswith("Filesystem")
    assert len(upset.calls.of("SendCommand")) == 1


def test_a_script_that_takes_too_long_is_stopped(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "execute 'systemctl status slow' on tag:Role=web --timeout 1s"))
    assert data["summary"]["timedOut"] == data["summary"]["total"] == 4
    stopped = {call.params["CommandId"] for call in upset.calls.of("CancelCommand")}
    assert len(stopped) == len(upset.calls.of("SendCommand")) == 3  # asking twice does no harm
    for call in upset.calls.of("SendCommand"):
        assert call.params["TimeoutSeconds"] == 30  # the least that SSM takes


def test_results_that_cannot_be_read_are_not_made_up(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ssm:ListCommandInvocations", "drop")
    error = refused(server.say(ann, DF), 503, "BACKEND_UNAVAILABLE", "did not answer")
    assert "its outcome is unknown. Look before you repeat it" in error["details"]


def test_metrics_that_hang_do_not_hold_up_the_list(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("cloudwatch:*", "hang")
    data = data_of(server.say(ann, everything()))
    assert len(data["instances"]) == 10
    assert data["note"].startswith("Without measurements")
    refused(server.say(ann, "check health web-1"), 503, "BACKEND_UNAVAILABLE", "read metrics")


# Half of the regions are down


@pytest.fixture
def how() -> str:
    return "drop"


@pytest.fixture
def halved(how: str, upset: AwsSimulator) -> AwsSimulator:
    """The cloud with one region of each account down."""
    upset.fault("*", how, account=HOME, region="us-east-1")
    upset.fault("*", how, account=SHOP, region="eu-west-1")
    return upset


@pytest.mark.parametrize("how", ["hang", "unavailable", "drop"])
def test_half_of_it_is_shown_and_what_is_missing_is_said(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    answer = server.say(ann, f"{everything()} --tag Role=web,Role=twin")
    data = data_of(answer)
    assert [item["name"] for item in data["instances"]] == ["shop-1", "twin", "web-1", "web-2"]
    fits(data["failures"], [FAILURE])
    assert sorted(item["backend"] for item in data["failures"]) == AWAY
    assert {item["code"] for item in data["failures"]} == {"BACKEND_UNAVAILABLE"}
    for name in AWAY:
        assert f"Without {name}: AWS" in answer.data["message"]


@pytest.mark.parametrize("how", ["hang", "unavailable"])
def test_the_health_of_half_of_it(server: Server, ann: str, halved: AwsSimulator) -> None:
    data = data_of(server.say(ann, "check health"))
    assert sorted(item["backend"] for item in data["failures"]) == AWAY
    assert [item["name"] for item in data["issues"]] == ["off-1", "web-2", "shop-2"]
    assert sum(data["summary"].values()) == 14


def test_a_change_never_meets_half_of_what_is_meant(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    for text in (
        "stop web-1",
        "reboot tag:Role=web",
        "execute 'systemctl status a' on tag:Role=web",
    ):
        error = refused(server.say(ann, text), 503, "BACKEND_UNAVAILABLE", *AWAY)
        assert "id" in error["details"]
    assert server.say(ann, f"stop {WEB}").body["status"] == "pending"
    assert data_of(server.say(ann, f"execute 'df -h' on {WEB}"))["exitCode"] == 0
    refused(server.say(ann, "show far-1"), 503, "BACKEND_UNAVAILABLE", "not every backend")
    assert not done(halved, "StopInstances")


def test_what_is_asked_of_the_others_does_not_wait(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    data = data_of(server.say(ann, "list instances --backend '*/eu-central-1' --tag Role=web"))
    assert [item["name"] for item in data["instances"]] == ["shop-1", "web-1", "web-2"]
    assert "failures" not in data
    assert not halved.calls.of("DescribeInstances", region="us-east-1")


def test_a_region_that_goes_while_a_script_runs_is_named(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    upset.fault("ssm:ListCommandInvocations", "drop", region="us-east-1")
    answer = server.say(ann, "execute 'systemctl status nginx' on tag:Role=web --timeout 2s")
    data = data_of(answer)
    told = {item["name"]: item["status"] for item in data["results"]}
    assert told == {
        "far-1": "timed-out",
        "shop-1": "success",
        "web-1": "success",
        "web-2": "success",
    }
    assert "home/us-east-1" in answer.data["message"]


def test_it_is_whole_again_as_soon_as_the_regions_are(
    server: Server, ann: str, halved: AwsSimulator
) -> None:
    assert "failures" in data_of(server.say(ann, everything()))
    halved.heal()
    data = data_of(server.say(ann, everything()))
    assert "failures" not in data
    assert data["summary"]["total"] == 18


# Keys that are not good any more


@pytest.mark.parametrize(
    "text", ["list", "check health", "stop web-1", "show web-1", DF, "tags web-1"]
)
def test_expired_credentials_are_the_operators_matter(
    server: Server, ann: str, upset: AwsSimulator, text: str
) -> None:
    upset.fault("*", "expired")
    text = everything() if text == "list" else text
    error = refused(server.say(ann, text), 403, "PERMISSION_DENIED", "credentials of SmartOps")
    assert "no permission is missing" in error["details"]
    assert "RequestExpired" in error["details"]


def test_one_account_whose_keys_expired_leaves_the_other(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    data_of(server.say(ann, everything()))
    upset.fault("*", "expired", key="ASIA*")  # those of the role
    data = data_of(server.say(ann, everything()))
    assert data["summary"]["total"] == 14
    told = {item["backend"]: item["code"] for item in data["failures"]}
    assert told == {
        "shop/eu-central-1": "PERMISSION_DENIED",
        "shop/eu-west-1": "PERMISSION_DENIED",
    }
    upset.heal()
    assert data_of(server.say(ann, everything()))["summary"]["total"] == 18


def test_keys_that_expire_on_the_way_do_not_repeat_a_change(
    server: Server, ann: str, upset: AwsSimulator
) -> None:
    asked = server.say(ann, "reboot web-1")
    upset.fault("*", "expired")
    answer = server.say(ann, asked.action("confirm"))
    refused(answer, 403, "PERMISSION_DENIED", "credentials of SmartOps")
    upset.heal()
    assert not [call for call in done(upset, "RebootInstances") if not call.error]


# SSM is offline


@pytest.mark.parametrize(
    ("kind", "more"),
    [("hang", {}), ("drop", {}), ("error", {"code": "InternalServerError", "status": 500})],
)
def test_ssm_itself_is_away(
    server: Server, ann: str, upset: AwsSimulator, kind: str, more: dict[str, Any]
) -> None:
    upset.fault("ssm:*", kind, **more)
    refused(server.say(ann, DF), 503, "BACKEND_UNAVAILABLE", "ssm:DescribeInstanceInformation")
    assert not upset.calls.of("SendCommand")


def test_agents_that_are_offline(server: Server, ann: str, upset: AwsSimulator) -> None:
    world = upset.region(HOME, "eu-central-1")
    web = [world.instance("web-1"), world.instance("web-2")]
    try:
        web[0].agent = "lost"
        data = data_of(server.say(ann, "execute 'df -h' on web-1,web-2"))
        told = {item["name"]: (item["status"], item["exitCode"]) for item in data["results"]}
        assert told == {"web-1": ("unreachable", None), "web-2": ("success", 0)}
        web[1].agent = "inactive"
        refused(server.say(ann, "execute 'df -h' on web-1,web-2"), 503, "SSM_UNAVAILABLE", "web-1")
        refused(server.say(ann, DF), 503, "SSM_UNAVAILABLE", "ConnectionLost")
    finally:
        for each in web:
            each.agent = "online"
    assert data_of(server.say(ann, DF))["exitCode"] == 0
