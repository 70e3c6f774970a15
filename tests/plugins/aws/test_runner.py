"""Scripts by SSM: sent once, polled at a limited rate, reported by instance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest
from botocore.exceptions import SSLError

from smartops import (
    BackendUnavailable,
    DeadlineExceeded,
    Instance,
    PermissionDenied,
    RateLimited,
    ValidationFailed,
)
from smartops.backends import Query, RunResult
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

REGION = "eu-central-1"
LIMIT = timedelta(seconds=60)
MACHINES = [
    {"name": "web-1"},
    {"name": "web-2"},
    {"name": "win-1", "platform": "windows"},
    {"name": "lost-1", "agent": "lost"},
    {"name": "bare-1", "agent": "missing"},
    {"name": "off-1", "state": "stopped"},
    {"name": "denied-1"},
]
OUTPUTS = [
    {"script": "^slow$", "takes": "40s", "stdout": "at last\n"},
    {"script": "^half$", "takes": "500s", "stdout": "begun\n", "stderr": "hm\n"},
    {"script": "^both$", "stdout": "out\n", "stderr": "err", "exit_code": 2},
    {"script": "^warn$", "stdout": "out\n", "stderr": "careful\n"},
    {"script": "^long$", "stdout": "x" * 3000},
    {"script": "^longer$", "stdout": "x" * 30_000},
    {"script": "^loud$", "stdout": "", "stderr": "e" * 9_000, "exit_code": 1},
    {"script": "^denied$", "ends": "AccessDenied"},
    {"script": "^nowhere$", "ends": "Undeliverable"},
    {"script": "^busy$", "ends": "RateExceeded"},
    {"script": "^restart nginx$", "document": "ops-restart", "stdout": "restarted\n"},
]

Deployed = tuple[AwsSimulator, Any]
Cloud = Callable[..., AbstractAsyncContextManager[Deployed]]


@pytest.fixture
def cloud(found: Callable[..., list[Any]], clock: ManualClock) -> Cloud:
    """Start a simulator with the clock, and make the one backend."""

    @asynccontextmanager
    async def start(
        machines: Sequence[Any] = MACHINES, more: Any = None, **section: Any
    ) -> AsyncIterator[Deployed]:
        scenario = {
            "accounts": {"123456789012": {"regions": {REGION: {"instances": machines}}}},
            "outputs": OUTPUTS,
            **(more or {}),
        }
        with AwsSimulator(scenario, clock=clock) as simulator:
            yield simulator, found(clock, endpoint=simulator.url, **section)[0]

    return start


async def named(aws: Any, *names: str) -> list[Instance]:
    by_name = {item.name: item for item in (await aws.list(Query())).instances}
    return [by_name[name] for name in names]


async def ended(aws: Any, clock: ManualClock, run: str) -> tuple[RunResult, ...]:
    for _ in range(200):
        results = await aws.results(run)
        if all(item.finished for item in results):
            return results
        clock.advance(1)
    raise AssertionError(results)


async def ran(
    aws: Any, clock: ManualClock, script: str, *names: str, limit: timedelta = LIMIT
) -> tuple[RunResult, ...]:
    run = await aws.send(script, await named(aws, *names), limit=limit, key="")
    return await ended(aws, clock, run)


async def test_both_time_limits_are_set_and_failures_stop_no_other_instance(cloud: Cloud) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1", "web-2")
        await aws.send("uptime", targets, limit=timedelta(seconds=90), key="k")
        (call,) = simulator.calls.of("SendCommand")
        assert call.params["TimeoutSeconds"] == 90
        assert call.params["Parameters"] == {"commands": ["uptime"], "executionTimeout": ["90"]}
        assert (call.params["MaxErrors"], call.params["MaxConcurrency"]) == ("100%", "100%")
        assert call.params["DocumentName"] == "AWS-RunShellScript"
        assert call.params["InstanceIds"] == [item.id for item in targets]
        await aws.send("uptime", targets, limit=timedelta(seconds=5), key="l")
        call = simulator.calls.of("SendCommand")[1]
        assert call.params["TimeoutSeconds"] == 30  # SSM takes no less
        assert call.params["Parameters"]["executionTimeout"] == ["5"]


async def test_each_platform_gets_its_own_document_in_one_run(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        results = await ran(aws, clock, "hostname", "win-1", "web-1", "web-2")
        assert [item.output for item in results] == ["win-1\n", "web-1\n", "web-2\n"]
        documents = {call.params["DocumentName"] for call in simulator.calls.of("SendCommand")}
        assert documents == {"AWS-RunShellScript", "AWS-RunPowerShellScript"}


async def test_more_than_fifty_are_several_commands_in_one_run(
    cloud: Cloud, clock: ManualClock
) -> None:
    machines = [{"name": f"web-{number:03}"} for number in range(120)]
    async with cloud(machines) as (simulator, aws):
        names = [item["name"] for item in reversed(machines)]
        results = await ran(aws, clock, "hostname", *names)
        assert [item.output.strip() for item in results] == names
        assert [len(c.params["InstanceIds"]) for c in simulator.calls.of("SendCommand")] == [
            50,
            50,
            20,
        ]
        # What the list of invocations reported completely is not asked for again.
        assert simulator.calls.of("GetCommandInvocation") == []


async def test_unreachable_instances_are_reported_and_the_others_run(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        names = ("lost-1", "web-1", "bare-1", "off-1")
        lost, web, bare, off = await ran(aws, clock, "hostname", *names)
        assert (web.status, web.output) == ("success", "web-1\n")
        assert [item.status for item in (lost, bare, off)] == ["unreachable"] * 3
        assert lost.errors.startswith("Its SSM agent does not answer (ConnectionLost, last heard")
        assert bare.errors.startswith("It is not registered with SSM")
        assert off.errors == "It is stopped"
        (call,) = simulator.calls.of("SendCommand")
        assert len(call.params["InstanceIds"]) == 1


async def test_output_and_errors_are_separate(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (_, aws):
        (failed,) = await ran(aws, clock, "both", "web-1")
        assert (failed.status, failed.exit_code, failed.output) == ("failed", 2, "out\n")
        assert failed.errors == "err\nfailed to run commands: exit status 2"
        (warned,) = await ran(aws, clock, "warn", "web-1")
        assert (warned.status, warned.output, warned.errors) == ("success", "out\n", "careful\n")


@pytest.mark.parametrize(
    ("script", "output", "errors", "cut"),
    [
        ("long", 3000, 0, False),
        ("longer", 24_000 - len("\n---Output truncated---"), 0, True),
        ("loud", 0, 8_000 - len("\n---Error truncated---"), True),
    ],
)
async def test_cut_output_is_requested_or_marked_as_truncated(
    cloud: Cloud, clock: ManualClock, script: str, output: int, errors: int, cut: bool
) -> None:
    async with cloud() as (_, aws):
        (result,) = await ran(aws, clock, script, "web-1")
        assert len(result.output.rstrip("\n")) == output
        assert len(result.errors.rstrip("\n")) == errors
        assert result.truncated is cut
        assert "truncated" not in result.output + result.errors


async def test_output_before_a_timeout_is_returned(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (_, aws):
        (result,) = await ran(aws, clock, "half", "web-1", limit=timedelta(seconds=30))
        assert (result.status, result.exit_code, result.output) == ("timed-out", None, "begun\n")
        assert result.seconds == pytest.approx(30)


async def test_an_agent_that_disconnects_is_unreachable(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, aws):
        (web,) = await named(aws, "web-1")

        def leave(**_: object) -> None:
            simulator.region().instances[web.id].agent = "lost"

        aws.region.sdk.session.register("before-call.ssm.SendCommand", leave)
        began = clock.time()
        (result,) = await ran(aws, clock, "uptime", "web-1", limit=timedelta(seconds=30))
        assert (result.status, result.exit_code) == ("unreachable", None)
        assert result.errors == "The command was not delivered in time"
        assert clock.time() - began == pytest.approx(30, abs=2)


async def test_a_command_is_polled_at_the_configured_interval(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud(runner={"raw_scripts": True, "poll": "1s"}) as (simulator, aws):
        run = await aws.send("slow", await named(aws, "web-1"), limit=LIMIT, key="")
        for _ in range(10):
            await aws.results(run)
            clock.advance(0.2)
        assert len(simulator.calls.of("ListCommandInvocations")) == 1
        async with anyio.create_task_group() as tasks:
            clock.advance(1)
            for _ in range(5):
                tasks.start_soon(aws.results, run)
        assert len(simulator.calls.of("ListCommandInvocations")) == 2
        await ended(aws, clock, run)
        before = len(simulator.calls)
        clock.advance(60)
        assert (await aws.results(run))[0].output == "at last\n"
        assert len(simulator.calls) == before


async def test_a_command_that_aws_does_not_list_yet_is_pending(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        run = await aws.send("hostname", await named(aws, "web-1"), limit=LIMIT, key="")
        assert [item.status for item in await aws.results(run)] == ["pending"]
        simulator.fault(
            "ssm:GetCommandInvocation",
            "error",
            code="InvocationDoesNotExist",
            message="",
            status=400,
            times=1,
        )
        (result,) = await ran(aws, clock, "long", "web-1")
        assert len(result.output) == 3000


@pytest.mark.parametrize("code", ["InvocationDoesNotExist", "AccessDeniedException"])
async def test_a_result_without_its_output_has_the_status_of_ssm(
    cloud: Cloud, clock: ManualClock, code: str
) -> None:
    async with cloud() as (simulator, aws):
        simulator.fault("ssm:GetCommandInvocation", "error", code=code, status=400)
        (result,) = await ran(aws, clock, "both", "web-1")
        assert (result.status, result.exit_code, result.truncated) == ("failed", 2, True)
        assert "The output cannot be read: " in result.errors
        run = await aws.send("both", await named(aws, "web-1"), limit=LIMIT, key="")
        clock.advance(5)
        assert (await aws.results(run))[0].status == "running"
        await aws.cancel(run)
        assert (await aws.results(run))[0].status == "failed"


async def test_the_run_id_suffices_after_a_restart(
    cloud: Cloud, clock: ManualClock, found: Callable[..., list[Any]]
) -> None:
    async with cloud() as (simulator, aws):
        names = ("web-2", "lost-1", "win-1", "web-1")
        targets = await named(aws, *names)
        run = await aws.send("hostname", targets, limit=LIMIT, key="k-1")
        clock.advance(5)
        other = found(clock, endpoint=simulator.url)[0]
        results = await ended(other, clock, run)
        assert {item.instance_id: item.output for item in results} == {
            item.id: "" if item.name == "lost-1" else f"{item.name}\n" for item in targets
        }
        assert len(simulator.calls.of("SendCommand")) == 2  # one for each platform
        await other.cancel(run)


@pytest.mark.parametrize("run", ["", "x", "cmd-abc-123", "0" * 36, "{" + "0" * 34 + "}"])
async def test_an_invalid_run_id_is_refused_without_a_call(cloud: Cloud, run: str) -> None:
    async with cloud() as (simulator, aws):
        for ask in (aws.results, aws.cancel):
            with pytest.raises(ValidationFailed, match="no run"):
                await ask(run)
        assert len(simulator.calls) == 0


async def test_one_idempotency_key_sends_once_even_concurrently(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1")
        runs = []

        async def send() -> None:
            runs.append(await aws.send("uptime", targets, limit=LIMIT, key="k-1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            tasks.start_soon(send)
        assert len(runs) == 2
        assert len(set(runs)) == 1
        assert len(simulator.calls.of("SendCommand")) == 1
        with pytest.raises(ValidationFailed, match="another script"):
            await aws.send("hostname", targets, limit=LIMIT, key="k-1")


async def test_an_unknown_outcome_of_sending_is_reported(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud(limits={"read": "200ms"}) as (simulator, aws):
        targets = await named(aws, "web-1")
        simulator.fault("ssm:SendCommand", "drop")

        async with clock.running(0.25, 0.005):
            with pytest.raises(DeadlineExceeded) as refused:
                await aws.send("hostname", targets, limit=LIMIT, key="k-1")
        assert "check the target's state before you retry" in refused.value.details
        assert len(simulator.calls.of("SendCommand")) == 1


@pytest.mark.parametrize(
    ("kind", "more"),
    [("drop", {}), ("error", {"code": "AccessDeniedException", "status": 400})],
    ids=["away", "denied"],
)
async def test_a_denied_lookup_does_not_prove_that_nothing_was_sent(
    cloud: Cloud, clock: ManualClock, kind: str, more: Any
) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1")
        simulator.fault("ssm:SendCommand", "lose", times=1)
        simulator.fault("ssm:ListCommands", kind, **more)

        async with clock.running(0.25, 0.005):
            with pytest.raises(DeadlineExceeded, match="did not say") as refused:
                await aws.send("hostname", targets, limit=LIMIT, key="k-1")
        assert "check the target's state before you retry" in refused.value.details
        assert len(simulator.region().commands) == 1


async def test_a_failed_lookup_is_retried(cloud: Cloud, clock: ManualClock) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1")
        simulator.fault("ssm:SendCommand", "lose", times=1)
        simulator.fault("ssm:ListCommands", "error", code="AccessDenied", status=400, times=1)
        async with clock.running(0.25, 0.005):
            run = await aws.send("hostname", targets, limit=LIMIT, key="")
        assert list(simulator.region().commands) == [run]


async def test_a_possibly_sent_part_outweighs_one_that_was_not_sent(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1", "win-1")
        denied = {"code": "AccessDeniedException", "status": 400}
        simulator.fault("ssm:SendCommand", "error", times=1, **denied)
        simulator.fault("ssm:SendCommand", "lose", after=1)
        simulator.deny("ssm:ListCommands")

        async with clock.running(0.25, 0.005):
            with pytest.raises(DeadlineExceeded) as refused:
                await aws.send("hostname", targets, limit=LIMIT, key="k-1")
        assert "check the target's state before you retry" in refused.value.details
        assert len(simulator.region().commands) == 1


async def test_a_broken_connection_does_not_prove_that_nothing_was_sent(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (_, aws):
        targets = await named(aws, "web-1")
        sent: list[object] = []

        def break_off(request: object, **_: object) -> None:
            sent.append(request)
            raise SSLError(endpoint_url="https://ssm", error="DECRYPTION_FAILED_OR_BAD_RECORD_MAC")

        aws.region.sdk.session.register("before-send.ssm.SendCommand", break_off)

        async with clock.running(0.25, 0.005):
            with pytest.raises(DeadlineExceeded):
                await aws.send("hostname", targets, limit=LIMIT, key="k-1")
        assert len(sent) == 1


async def test_a_command_that_was_certainly_not_accepted_is_sent_again(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1")
        simulator.fault("ssm:SendCommand", "throttle", times=1)
        async with clock.running(0.25, 0.005):
            run = await aws.send("uptime", targets, limit=LIMIT, key="")
        assert list(simulator.region().commands) == [run]
        simulator.fault("ssm:SendCommand", "throttle")

        async with clock.running(0.25, 0.005):
            with pytest.raises(RateLimited):
                await aws.send("uptime", targets, limit=LIMIT, key="")
        assert len(simulator.calls.of("SendCommand")) == 4


async def test_a_part_that_is_refused_leaves_the_others(cloud: Cloud, clock: ManualClock) -> None:
    machines = [{"name": f"web-{number:03}"} for number in range(60)]
    async with cloud(machines) as (simulator, aws):
        simulator.fault("ssm:SendCommand", "error", code="InvalidInstanceId", status=400, after=1)
        results = await ran(aws, clock, "hostname", *(item["name"] for item in machines))
        assert [item.status for item in results] == ["success"] * 50 + ["unreachable"] * 10
        assert results[-1].errors.startswith("It was not sent. The SSM agent of")


async def test_cancellation_while_sending_does_not_lose_the_run_id(
    cloud: Cloud, clock: ManualClock
) -> None:
    async with cloud() as (simulator, aws):
        targets = await named(aws, "web-1")
        run = ""
        with anyio.CancelScope() as scope:

            def leave(**_: object) -> None:
                anyio.from_thread.run_sync(scope.cancel)

            aws.region.sdk.session.register("before-call.ssm.SendCommand", leave)
            run = await aws.send("slow", targets, limit=LIMIT, key="")
            assert run
            await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        assert list(simulator.region().commands) == [run]
        await aws.cancel(run)
        (result,) = await ended(aws, clock, run)
        assert result.status == "cancelled"


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("", LIMIT),
        ("  \n", LIMIT),
        ("x" * 65_537, LIMIT),
        ("uptime", timedelta(0)),
        ("uptime", timedelta(hours=49)),
    ],
)
async def test_an_invalid_script_is_refused_without_a_call(
    cloud: Cloud, script: str, limit: timedelta
) -> None:
    async with cloud() as (simulator, aws):
        web = Instance("i-1", "", "", "running", "linux")
        with pytest.raises(ValidationFailed):
            await aws.send(script, [web], limit=limit, key="")
        with pytest.raises(ValidationFailed):
            await aws.send("uptime", [], limit=LIMIT, key="")
        assert len(simulator.calls) == 0


DOCUMENTS = [
    {"name": "ops-restart", "script": "restart {unit}", "parameters": {"unit": "[a-z]+"}},
]
SAFE = {"raw_scripts": False, "documents": DOCUMENTS}
OF_THE_ACCOUNT = {
    "documents": [
        {
            "name": "ops-restart",
            "script": "restart {unit}",
            "parameters": {"unit": {"pattern": "^[a-z]+$"}},
        }
    ]
}


@pytest.mark.parametrize("script", ["df -h", "restart NGINX", "restart a; rm -rf /", "restart "])
async def test_in_safe_mode_nothing_else_is_sent(cloud: Cloud, script: str) -> None:
    async with cloud(more=OF_THE_ACCOUNT, runner=SAFE) as (simulator, aws):
        targets = await named(aws, "web-1")
        before = len(simulator.calls)
        with pytest.raises(PermissionDenied, match="No Command document") as refused:
            await aws.send(script, targets, limit=LIMIT, key="")
        assert "plugins.aws.runner.documents" in (refused.value.details or "")
        assert len(simulator.calls) == before


async def test_without_a_runner_there_is_none(found: Callable[..., list[Any]]) -> None:
    from smartops import Metrics, Runner

    both, _ = found()
    plain, _ = found(runner={"enabled": False})
    assert isinstance(both, Runner)
    assert not isinstance(plain, Runner)
    bare, _ = found(runner={"enabled": False}, metrics={"enabled": False})
    assert not isinstance(bare, Metrics)
    assert issubclass(both.unreachable, BackendUnavailable)
