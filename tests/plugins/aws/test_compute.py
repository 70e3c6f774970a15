"""EC2 as simulated by moto: listing, changes, and checks before a change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    Instance,
    PermissionDenied,
    ValidationFailed,
)
from smartops.backends import Query
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator

pytestmark = pytest.mark.anyio

Launched = Callable[..., str]
Found = Callable[..., list[Any]]


@pytest.fixture
def aws(moto: None, found: Found) -> Any:
    return found()[0]


@pytest.fixture
def calls(aws: Any) -> list[tuple[str, Any]]:
    """Record what is asked of AWS."""
    made: list[tuple[str, Any]] = []

    def note(model: Any, params: Any, **_: object) -> None:
        if model.name != "GetCallerIdentity":
            made.append((model.name, params["body"]))

    aws.region.sdk.session.register("before-call", note)
    return made


async def named(aws: Any, name: str) -> Instance:
    (instance,) = (await aws.list(Query(names=(name,)))).instances
    return instance


async def test_ec2_applies_the_filters(
    aws: Any, launched: Launched, calls: list[tuple[str, Any]]
) -> None:
    for name in ("web-1", "web-2", "db-1"):
        launched(name, Role=name.partition("-")[0])
    found = (await aws.list(Query(names=("web-*",), tags={"Role": ("web",)}))).instances
    assert [item.name for item in found] == ["web-1", "web-2"]
    ((operation, body),) = calls
    assert operation == "DescribeInstances"
    assert body["Filter.1.Name"] == "tag:Name"
    assert body["Filter.1.Value.1"] == "???-*"  # EC2 compares the case of names
    assert body["Filter.2.Name"] == "tag:Role"
    assert body["MaxResults"] == 1000


async def test_an_empty_list_of_ids_is_never_sent(aws: Any, calls: list[tuple[str, Any]]) -> None:
    for call in (aws.check, aws.change):
        with pytest.raises(ValidationFailed, match="nothing to stop"):
            await call("stop", [])
    many = [Instance(f"i-{number}", "", "", "running", "linux") for number in range(1001)]
    with pytest.raises(ValidationFailed, match="1,001 instances are too many"):
        await aws.change("stop", many)
    assert calls == []


async def test_a_tag_is_not_set_and_removed_at_once(aws: Any, launched: Launched) -> None:
    launched("web-1")
    web = await named(aws, "web-1")
    for call in (aws.check_tag, aws.tag):
        with pytest.raises(ValidationFailed, match="Owner cannot be both"):
            await call(web, put={"Owner": "you"}, remove=("Owner",))


async def test_disabled_features_are_refused_without_a_call(
    moto: None, found: Found, launched: Launched
) -> None:
    launched("web-1")
    aws = found(changes=False, tagging=False)[0]
    web = await named(aws, "web-1")
    for call in (aws.check, aws.change):
        with pytest.raises(PermissionDenied) as refused:
            await call("stop", [web])
        assert refused.value.details == "plugins.aws.changes is false"
    for call in (aws.check_tag, aws.tag):
        with pytest.raises(PermissionDenied) as refused:
            await call(web, put={"a": "b"})
        assert refused.value.details == "plugins.aws.tagging is false"


async def test_following_pages_show_the_listing_of_the_first(
    moto: None, found: Found, launched: Launched, clock: ManualClock
) -> None:
    aws = found(clock)[0]
    for number in range(5):
        launched(f"web-{number}")
    first = await aws.list(Query(limit=2))
    launched("web-11")
    second = await aws.list(Query(limit=2, cursor=first.next))
    assert [item.name for item in second.instances] == ["web-2", "web-3"]
    assert second.counts == first.counts == {"running": 5}
    clock.advance(61)
    later = await aws.list(Query(limit=2, cursor=first.next))
    assert [item.name for item in later.instances] == ["web-11", "web-2"]
    assert later.counts == {"running": 6}


async def test_a_change_is_listed_at_once(
    moto: None, found: Found, launched: Launched, clock: ManualClock
) -> None:
    aws = found(clock)[0]
    launched("web-1")
    launched("web-2")
    first = await aws.list(Query(limit=1))
    await aws.change("stop", first.instances)
    assert (await aws.list(Query(limit=1))).counts == {"running": 1, "stopped": 1}
    assert (await aws.list(Query(limit=1, cursor=first.next))).counts["stopped"] == 1


async def test_concurrent_equal_queries_share_one_request(
    aws: Any, launched: Launched, calls: list[tuple[str, Any]]
) -> None:
    launched("web-1")
    pages = []

    async def ask() -> None:
        pages.append(await aws.list(Query()))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
    assert len(pages) == 5
    assert all(page == pages[0] for page in pages)
    assert len(calls) == 1


async def test_a_cancelled_query_does_not_cancel_the_others(aws: Any, launched: Launched) -> None:
    launched("web-1")
    pages = []

    async def ask() -> None:
        pages.append(await aws.list(Query()))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:

            async def leave() -> None:
                await anyio.lowlevel.checkpoint()
                first.cancel()

            tasks.start_soon(leave)
            tasks.start_soon(ask)
            await aws.list(Query())
    assert len(pages) == 1


@pytest.mark.parametrize("cursor", ["x", "é", "bm8", "W10", "WzEsMl0", "[" * 9])
async def test_an_invalid_cursor_is_refused_without_a_call(
    aws: Any, calls: list[tuple[str, Any]], cursor: str
) -> None:
    with pytest.raises(ValidationFailed, match="no such page"):
        await aws.list(Query(limit=2, cursor=cursor))
    assert calls == []


async def test_a_ping_is_cached(moto: None, found: Found, clock: ManualClock) -> None:
    aws = found(clock)[0]
    made: list[str] = []
    aws.region.sdk.session.register("before-call", lambda model, **_: made.append(model.name))
    for seconds, asked in ((0, 1), (10, 1), (10, 2)):
        clock.advance(seconds)
        await aws.ping()
        assert made.count("DescribeInstances") == asked


@asynccontextmanager
async def one_machine(
    found: Found, clock: ManualClock
) -> AsyncIterator[tuple[AwsSimulator, Any, Instance]]:
    """Start an AWS with one machine."""
    regions = {"eu-central-1": {"instances": [{"name": "web-1"}]}}
    scenario = {"accounts": {"123456789012": {"regions": regions}}}
    with AwsSimulator(scenario, clock=clock) as simulator:
        aws = found(clock, endpoint=simulator.url)[0]
        web = await named(aws, "web-1")
        yield simulator, aws, web


async def test_a_reboot_with_a_lost_response_is_not_retried(
    found: Found, clock: ManualClock
) -> None:
    async with one_machine(found, clock) as (simulator, aws, web):
        simulator.fault("ec2:RebootInstances", "lose", times=1)
        with pytest.raises(BackendUnavailable) as refused:
            await aws.change("reboot", [web])
        assert "It may or may not have happened" in refused.value.details
        assert len(simulator.calls.of("RebootInstances")) == 1


async def test_partly_changed_tags_are_reported(found: Found, clock: ManualClock) -> None:
    async with one_machine(found, clock) as (simulator, aws, web):
        simulator.fault("ec2:DeleteTags", "error", code="Teapot", status=400)
        with pytest.raises(BackendUnavailable) as refused:
            await aws.tag(web, put={"a": "b"}, remove=("c",))
        assert "a had been set by then" in refused.value.details
        assert not refused.value.undone
        assert (await named(aws, "web-1")).tags["a"] == "b"


async def test_an_unanswered_dry_run_changed_nothing(found: Found, clock: ManualClock) -> None:
    async with one_machine(found, clock) as (simulator, aws, web):
        simulator.fault("ec2:RebootInstances", "drop")
        with pytest.raises(BackendUnavailable, match="did not answer to reboot") as refused:
            await aws.check("reboot", [web])
        assert "happened" not in refused.value.details
