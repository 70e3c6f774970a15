"""Results of SSM for one instance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smartops_aws.invocations import invocation, output_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def step(name: str = "run", code: int = 0, output: str = "", **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Status": "Success" if code == 0 else "Failed",
        "StatusDetails": "Success" if code == 0 else "Failed",
        "ResponseCode": code,
        "Output": output,
        "ResponseStartDateTime": NOON,
        "ResponseFinishDateTime": NOON + timedelta(seconds=2),
        **more,
    }


def listed(status: str, details: str = "", *steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "InstanceId": "i-1",
        "Status": status,
        "StatusDetails": details or status,
        "CommandPlugins": list(steps),
    }


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("Pending", "", "pending"),
        ("Delayed", "", "pending"),
        ("InProgress", "", "running"),
        ("Cancelling", "", "running"),
        ("Success", "", "success"),
        ("Failed", "", "failed"),
        ("Failed", "NonZeroExitCode", "failed"),
        ("TimedOut", "Execution Timed Out", "timed-out"),
        ("TimedOut", "ExecutionTimedOut", "timed-out"),
        ("TimedOut", "Delivery Timed Out", "unreachable"),
        ("TimedOut", "DeliveryTimedOut", "unreachable"),
        ("Failed", "Undeliverable", "unreachable"),
        ("Failed", "Terminated", "cancelled"),
        ("Failed", "InvalidPlatform", "failed"),
        ("Failed", "Access Denied", "failed"),
        ("Failed", "RateExceeded", "failed"),
        ("Cancelled", "", "cancelled"),
        ("SomethingNew", "", "pending"),
    ],
)
def test_every_status_is_mapped(status: str, details: str, expected: str) -> None:
    assert invocation(listed(status, details)).result.status == expected


def test_a_step_that_never_ran_has_no_exit_code() -> None:
    found = invocation(listed("TimedOut", "ExecutionTimedOut", step(code=-1)))
    assert found.result.exit_code is None
    assert invocation(listed("InProgress", "", step(code=0))).result.exit_code is None


def test_of_a_document_for_both_platforms_the_other_step_does_not_count() -> None:
    skipped = step("runWindows", 0, "", Status="Success", StatusDetails="Skipped")
    waiting = step("later", -1, "", Status="Pending", StatusDetails="Pending")
    found = invocation(listed("Success", "", step("runLinux", 0, "hello\n"), skipped, waiting))
    assert (found.result.output, found.result.exit_code) == ("hello\n", 0)
    assert [item.name for item in found.steps] == ["runLinux"]
    assert found.complete


def test_the_first_step_that_fails_gives_the_exit_code() -> None:
    found = invocation(listed("Failed", "", step("a", 0), step("b", 3), step("c", 0)))
    assert found.result.exit_code == 3


def test_the_duration_is_that_of_all_steps() -> None:
    late = {"ResponseFinishDateTime": NOON + timedelta(seconds=9)}
    assert invocation(listed("Success", "", step("a"), step("b", **late))).result.seconds == 9
    assert invocation(listed("Pending")).result.seconds == 0


@pytest.mark.parametrize(
    ("found", "complete"),
    [
        (listed("Success", "", step(output="all of it\n")), True),
        (listed("Success", "", step(output="x" * 2500)), False),
        (listed("Success", "", step(output="out\n----------ERROR-------\nerr")), False),
        (listed("Success", "", step(output="x---Output truncated---")), False),
        (listed("Failed", "", step(code=1, output="")), False),
        (listed("Failed", "Undeliverable"), True),
        (listed("TimedOut", "ExecutionTimedOut", step(code=-1, output="begun")), False),
        (listed("Cancelled", "", step(code=-1)), True),
    ],
)
def test_output_is_requested_only_if_the_listing_is_incomplete(
    found: dict[str, Any], complete: bool
) -> None:
    assert invocation(found).complete is complete


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, ("", "", False)),
        ({"StandardOutputContent": "a", "StandardErrorContent": "b"}, ("a", "b", False)),
        ({"StandardOutputContent": "x" * 24_000}, ("x" * 24_000, "", True)),
        ({"StandardErrorContent": "x" * 8_000}, ("", "x" * 8_000, True)),
        ({"StandardOutputContent": "a\n---Output truncated---"}, ("a\n", "", True)),
        ({"StandardErrorContent": "a\n---Error truncated----\n"}, ("", "a\n", True)),
    ],
)
def test_cut_output_is_recognised(answer: dict[str, str], expected: object) -> None:
    assert output_of(answer) == expected
