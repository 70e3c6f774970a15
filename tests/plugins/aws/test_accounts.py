"""Accounts and regions: credentials, sessions of persons, and regions that fail."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
from botocore.credentials import Credentials

from smartops import (
    BackendUnavailable,
    Call,
    Clock,
    Identity,
    Message,
    PermissionDenied,
    Person,
    RateLimited,
    Reply,
)
from smartops.backends import Query
from smartops.channels import Place
from smartops.testing import ManualClock
from smartops_aws.kit.person import for_person
from smartops_aws.kit.sdk import Sdk
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

HOME, SHOP = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{SHOP}:role/ops/smartops"
REGIONS = ("eu-central-1", "eu-west-1")
QUICK = {"connect": "300ms", "read": "300ms"}
SHOP_ACCOUNT = {"name": "shop", "role": ROLE, "external_id": "x-1", "regions": list(REGIONS)}
HOME_ACCOUNT = {"name": "home", "account": HOME, "regions": ["eu-central-1"]}
SCENARIO: dict[str, Any] = {
    "accounts": {
        HOME: {"regions": {"eu-central-1": {"instances": [{"name": "home-01"}]}}},
        SHOP: {
            "regions": {region: {"instances": [{"name": f"shop-{region}"}]} for region in REGIONS},
            "roles": {"smartops": {"external_id": "x-1", "accounts": [HOME]}},
        },
    },
}

Cloud = Callable[..., AbstractAsyncContextManager[tuple[AwsSimulator, list[Any]]]]


@pytest.fixture
def cloud(found: Callable[..., list[Any]]) -> Cloud:
    """Start a simulator with both accounts, and make the backends of a section."""

    @asynccontextmanager
    async def start(
        *, simulated: Clock | None = None, clock: Clock | None = None, **section: Any
    ) -> AsyncIterator[tuple[AwsSimulator, list[Any]]]:
        with AwsSimulator(SCENARIO, clock=simulated) as simulator:
            section = {"accounts": [HOME_ACCOUNT, SHOP_ACCOUNT], **section}
            made = found(clock, endpoint=simulator.url, costs={"enabled": False}, **section)
            yield simulator, made

    return start


def call_of(name: str) -> Call:
    identity = Identity("test", "", name)
    person = Person(name, frozenset(), identity)
    message = Message("1", "test", "", identity, Place("test"), datetime.now(UTC), "r-1")
    return Call("stop", {}, person, message)


async def as_person(name: str, use: Callable[[], Any]) -> None:
    async def inner(call: Call) -> Reply:
        await use()
        return Reply.of()

    await for_person(call_of(name), inner)


async def test_reads_use_the_bots_session_and_changes_the_persons(cloud: Cloud) -> None:
    async with cloud() as (simulator, made):
        shop = made[1]
        (instance,) = (await shop.list(Query())).instances
        await as_person("alice", lambda: shop.list(Query()))
        await as_person("alice", lambda: shop.change("stop", [instance]))
        await as_person("bob", lambda: shop.tag(instance, put={"a": "b"}))
        await shop.tag(instance, put={}, remove=("a",))
        who = [
            (call.operation, call.caller.rpartition("/")[2])
            for call in simulator.calls
            if call.operation != "AssumeRole"
        ]
        assert who == [
            ("DescribeInstances", "smartops"),
            ("DescribeInstances", "smartops"),
            ("StopInstances", "alice"),
            ("CreateTags", "bob"),
            ("DeleteTags", "smartops"),
        ]


async def test_a_role_is_assumed_once_for_each_name(cloud: Cloud) -> None:
    async with cloud() as (simulator, made):
        async with anyio.create_task_group() as tasks:
            for number in (1, 2, 3):
                tasks.start_soon(made[1].list, Query(limit=number, names=(f"n{number}",)))
        await made[2].list(Query(limit=1))
        for person in ("alice", "bob", "alice"):
            await as_person(person, lambda: made[1].change("stop", _instances(simulator)))
        assumed = simulator.calls.of("AssumeRole")
        assert [call.params["RoleSessionName"] for call in assumed] == ["smartops", "alice", "bob"]
        assert {call.params["ExternalId"] for call in assumed} == {"x-1"}
        assert {call.account for call in assumed} == {HOME}


async def test_an_outage_of_sts_in_one_region_leaves_the_others(cloud: Cloud) -> None:
    async with cloud(limits=QUICK, accounts=[SHOP_ACCOUNT]) as (simulator, made):
        simulator.fault("sts:AssumeRole", "drop", region=REGIONS[0])
        with pytest.raises(BackendUnavailable):
            await made[0].list(Query())
        assert (await made[1].list(Query())).instances
        await made[0].list(Query())  # with the session that the other region has


def _instances(simulator: AwsSimulator) -> list[Any]:
    from smartops import Instance

    ids = simulator.region(SHOP, REGIONS[0]).instances
    return [Instance(id_, "", "", "running", "linux", backend="shop/eu-central-1") for id_ in ids]


async def test_a_session_is_renewed_before_it_expires(cloud: Cloud) -> None:
    past = ManualClock(Clock().time() - 3300)  # what is handed out there has five minutes left
    async with cloud(simulated=past) as (simulator, made):
        await made[1].list(Query())
        await made[1].list(Query())
        assert len(simulator.calls.of("AssumeRole")) == 2


async def test_a_session_that_is_expired_at_once_is_a_problem_of_the_operator(
    cloud: Cloud, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    past = ManualClock(clock.time() - 7200)
    async with cloud(simulated=past, clock=clock) as (_, made):
        with pytest.raises(PermissionDenied) as refused:
            await made[1].list(Query())
        assert "the operator of SmartOps" in (refused.value.details or "")
        assert "Is the clock of this machine right?" in caplog.text


async def test_a_role_without_trust_names_the_missing_permission(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    account = {**SHOP_ACCOUNT, "external_id": "another"}
    async with cloud(accounts=[account]) as (_, made):
        with pytest.raises(PermissionDenied) as refused, caplog.at_level(logging.WARNING):
            await made[0].list(Query())
        assert "Required IAM action: sts:AssumeRole" in (refused.value.details or "")
        ((logger, _, line),) = caplog.record_tuples
        assert (logger, ROLE in line) == ("smartops.aws", True)
        assert "Traceback" not in caplog.text
        assert "arn:" not in f"{refused.value.message} {refused.value.details}"


async def test_a_failed_early_renewal_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("botocore.credentials")
    try:
        raise OSError("no way there")
    except OSError:
        log.warning("Renewing failed during %s period.", "advisory", exc_info=True)
    (record,) = caplog.records
    assert record.getMessage() == "Renewing failed during advisory period. no way there"
    assert "Traceback" not in caplog.text


async def test_the_simulator_gets_no_real_keys(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    seen: list[str] = []

    def note(request: Any, **_: object) -> None:
        seen.append(request.headers["Authorization"].decode())

    async with cloud() as (_, made):
        made[0].region.sdk.session.register("before-send", note)
        await made[0].list(Query())
    assert len(seen) == 2  # whose keys they are, and the list
    assert all(f"Credential={HOME}/" in header for header in seen)


async def test_missing_credentials_are_a_problem_of_the_operator(
    found: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    for profile, code in (("", "NoCredentialsError"), ("gone", "ProfileNotFound")):
        (aws, _) = found(accounts=[{**HOME_ACCOUNT, "profile": profile}])
        with pytest.raises(PermissionDenied, match="SmartOps has no AWS credentials") as refused:
            await aws.list(Query())
        assert (refused.value.details or "").startswith(code)
        assert caplog.records[-1].levelno == logging.ERROR


@pytest.mark.parametrize("key", [{"expired": True}, {"disabled": True}])
async def test_rejected_credentials_are_distinguished_from_a_missing_permission(
    found: Callable[..., list[Any]], key: dict[str, bool]
) -> None:
    scenario = {**SCENARIO, "keys": {HOME: {"account": HOME, **key}}}
    with AwsSimulator(scenario) as simulator:
        aws, costs = found(accounts=[HOME_ACCOUNT], endpoint=simulator.url)
        for ask in (aws.list(Query()), aws.ping(), costs.daily(1)):
            with pytest.raises(PermissionDenied, match="credentials of SmartOps"):
                await ask


async def test_the_account_is_checked_once_for_each_key(
    found: Callable[..., list[Any]],
) -> None:
    account = {**HOME_ACCOUNT, "regions": list(REGIONS)}
    with AwsSimulator(SCENARIO) as simulator:
        one, two, _ = found(accounts=[account], endpoint=simulator.url)
        for backend in (one, two, one):
            await backend.list(Query())
        asked = simulator.calls.of("GetCallerIdentity")
        assert [call.region for call in asked] == ["eu-central-1"]
        one.region.sdk.session.get_credentials().base.found = Credentials(SHOP, "renewed")
        with pytest.raises(BackendUnavailable, match="not to"):
            await two.list(Query())
        assert len(simulator.calls.of("GetCallerIdentity")) == 2


async def test_no_call_is_made_before_the_account_is_checked(cloud: Cloud) -> None:
    async with cloud(limits=QUICK) as (simulator, made):
        simulator.fault("sts:GetCallerIdentity", "drop")
        with pytest.raises(BackendUnavailable, match="did not answer") as refused:
            await made[0].list(Query())
        assert refused.value.undone
        assert not simulator.calls.of("DescribeInstances")
        assert (await made[1].list(Query())).instances  # a role is of its account
        assert len(simulator.calls.of("AssumeRole")) == 1


async def test_calls_to_a_failing_region_are_repeated_only_so_often(cloud: Cloud) -> None:
    async with cloud(limits=QUICK) as (simulator, made):
        (instance,) = (await made[0].list(Query())).instances
        simulator.fault("*", "drop", account=HOME, region="eu-central-1")
        with anyio.fail_after(10):
            for ask in (made[0].list(Query()), made[0].change("stop", [instance])):
                with pytest.raises(BackendUnavailable):
                    await ask
        assert len(simulator.calls.of("DescribeInstances")) == 1 + 3
        assert len(simulator.calls.of("StopInstances")) == 2


async def test_an_unreachable_endpoint_is_reported_quickly_and_changes_nothing(
    found: Callable[..., list[Any]],
) -> None:
    from smartops import Instance

    (aws, _) = found(accounts=[HOME_ACCOUNT], endpoint="http://127.0.0.1:9", limits=QUICK)
    with anyio.fail_after(10), pytest.raises(BackendUnavailable) as refused:
        await aws.change("stop", [Instance("i-1", "", "", "running", "linux")])
    assert refused.value.message == "AWS cannot be reached to stop instance"
    assert "Nothing was done" in (refused.value.details or "")


async def test_a_region_that_hangs_uses_no_threads_of_another(cloud: Cloud) -> None:
    limits = {"connect": "5s", "read": "5s", "threads": 1}
    async with cloud(limits=limits, accounts=[SHOP_ACCOUNT]) as (simulator, made):
        simulator.fault("*", "hang", account=SHOP, region="eu-west-1")
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(made[1].list, Query())
            await anyio.sleep(0.05)
            with anyio.fail_after(3):
                assert (await made[0].list(Query())).counts == {"running": 1}
            tasks.cancel_scope.cancel()
        simulator.heal()


async def test_a_cancelled_read_is_abandoned_and_a_change_is_awaited(cloud: Cloud) -> None:
    async with cloud() as (simulator, made):
        (instance,) = (await made[0].list(Query())).instances
        simulator.fault("ec2:DescribeInstances", "hang")
        simulator.fault("ec2:StopInstances", "slow", delay="200ms")
        with anyio.fail_after(10), anyio.move_on_after(0.05) as gone:
            await made[0].list(Query())
        assert gone.cancelled_caught
        with anyio.move_on_after(0.05):
            (done,) = await made[0].change("stop", [instance])
        assert done.after == "stopping"
        simulator.heal()


async def test_throttling_is_retried_and_then_reported(cloud: Cloud) -> None:
    async with cloud() as (simulator, made):
        simulator.fault("ec2:DescribeInstances", "throttle", times=1)
        assert (await made[0].list(Query())).counts == {"running": 1}
        assert len(simulator.calls.of("DescribeInstances")) == 2
        simulator.fault("ec2:DescribeInstances", "throttle")
        with pytest.raises(RateLimited) as refused:
            await made[0].list(Query())
        assert refused.value.retry_after == 5
        assert len(simulator.calls.of("DescribeInstances")) == 2 + 3


async def test_all_persons_share_one_client(cloud: Cloud) -> None:
    async with cloud() as (simulator, made):
        sdk: Sdk = made[1].region.sdk
        for person in ("alice", "bob", "carol"):
            await as_person(person, lambda: made[1].change("stop", _instances(simulator)))
        assert len(sdk._clients) == 1
        assert made[2].region.sdk is sdk


class Proxy(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        self.send_error(407)

    def log_message(self, *_: object) -> None: ...


async def test_a_proxy_that_refuses_is_named_without_its_password(
    found: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        address = f"127.0.0.1:{proxy.server_port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://ops:s3cret@{address}")
        aws = found(accounts=[HOME_ACCOUNT])[0]
        with pytest.raises(BackendUnavailable, match="AWS cannot be reached") as refused:
            await aws.list(Query())
        proxy.shutdown()
        thread.join()
    details = refused.value.details or ""
    assert f"The proxy {address} made no connection: 407 Proxy Authentication Required" in details
    assert "s3cret" not in f"{details} {refused.value.reason}"
    with pytest.raises(BackendUnavailable) as refused:
        await aws.list(Query(names=("web",)))
    assert f"The proxy {address} made no connection: it does not answer" in (
        refused.value.details or ""
    )
