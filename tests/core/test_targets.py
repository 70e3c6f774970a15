"""Resolving names, ids and addresses of instances, with one and several backends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    Instance,
    InstanceNotFound,
    PermissionDenied,
    ValidationFailed,
)
from smartops.backend import Compute
from smartops.fleet import ComputeGroup
from smartops.grammar import Reference
from smartops.parameter import Parameter
from smartops.targets import Resolved, resolve
from smartops.testing import ManualClock
from smartops_fake.backend import Fake
from smartops_fake.config import FakeConfig

pytestmark = pytest.mark.anyio

ONE = Parameter("target", Instance, required=True)
MANY = Parameter("targets", Instance, required=True, many=True)
WORD = Parameter("word", str, required=False)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()
AWAY = {"operation": "list", "code": "RATE_LIMITED", "retry_after": 9}

EU = [
    {"id": "i-0e1", "name": "web-01", "private_ip": "10.0.0.1", "tags": {"Role": "web"}},
    {"id": "i-0e2", "name": "web-02", "private_ip": "10.0.0.2", "tags": {"Role": "web"}},
    {"id": "i-0e3", "name": "old", "state": "terminated"},
    {"id": "i-0e4", "name": "twin"},
    {"id": "i-0e5", "name": "twin", "state": "stopped"},
]
US = [
    {"id": "i-0a1", "name": "web-01", "private_ip": "10.0.0.1", "tags": {"Role": "web"}},
    {"id": "i-0a2", "name": "api-01", "private_ip": "10.0.9.9", "tags": {"Role": "api"}},
]


def cloud(name: str, fleet: Any, faults: Any = ()) -> Fake:
    config = FakeConfig.model_validate({"name": name, "fleet": fleet, "faults": faults})
    return Fake.of(config, ManualClock(NOON))


def both(**faults: Any) -> ComputeGroup:
    clouds = [cloud("eu", EU, faults.get("eu", ())), cloud("us", US, faults.get("us", ()))]
    return ComputeGroup(clouds, ManualClock(NOON))


async def one(compute: Compute, text: str, *, whole: bool = True) -> Instance:
    found = await resolve([ONE], {"target": Reference(text)}, compute, whole=whole)
    instance: Instance = found.arguments["target"]
    return instance


async def many(compute: Compute, *texts: str, whole: bool = True) -> Resolved:
    references = tuple(map(Reference, texts))
    return await resolve([MANY], {"targets": references}, compute, whole=whole)


async def test_an_id_is_not_taken_for_a_name() -> None:
    arguments = {"target": Reference("i-0e1", by_id=True)}
    assert (await resolve([ONE], arguments, both())).arguments["target"].name == "web-01"
    with pytest.raises(InstanceNotFound):
        await resolve([ONE], {"target": Reference("api-01", by_id=True)}, both())


def ids(found: Resolved) -> list[str]:
    return [item.id for item in found.arguments["targets"]]


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("i-0e1", "i-0e1"),
        ("web-02", "i-0e2"),
        ("10.0.0.2", "i-0e2"),
        ("I-0E1", "i-0e1"),
        ("WEB-02", "i-0e2"),
    ],
)
async def test_ids_names_and_addresses_are_resolved(text: str, id: str) -> None:
    compute = cloud("eu", EU)
    assert (await one(compute, text)).id == id


async def test_a_name_in_its_own_case_is_preferred() -> None:
    compute = cloud("eu", [{"id": "i-0b1", "name": "Web"}, {"id": "i-0b2", "name": "web"}])
    assert (await one(compute, "web")).id == "i-0b2"
    with pytest.raises(ValidationFailed, match="WEB is 2 instances"):
        await one(compute, "WEB")


async def test_a_name_with_a_wildcard_is_that_name_only() -> None:
    compute = cloud("eu", [{"id": "i-0b1", "name": "a*b"}, {"id": "i-0b2", "name": "axb"}])
    assert (await one(compute, "a*b")).id == "i-0b1"


@pytest.mark.parametrize("text", ["web-03", "wbe-02", "eb-02"])
async def test_the_error_for_an_unknown_name_suggests_similar_names(text: str) -> None:
    with pytest.raises(InstanceNotFound) as refused:
        await one(cloud("eu", EU), text)
    assert "web-02" in str(refused.value.details)


async def test_arguments_of_other_types_are_unchanged() -> None:
    found = await resolve([WORD, ONE], {"word": "web-01"}, cloud("eu", EU))
    assert found == Resolved({"word": "web-01"})
    assert (await resolve([ONE], {"target": Reference("x")}, None)).arguments == {
        "target": Reference("x")
    }


async def test_an_ambiguous_name_is_refused_for_one_and_for_several_targets() -> None:
    compute = cloud("eu", EU)
    with pytest.raises(
        ValidationFailed, match="twin is 2 instances, and this takes one"
    ) as refused:
        await one(compute, "twin")
    assert refused.value.details == (
        "Name one by its id: i-0e4 (twin, running), i-0e5 (twin, stopped)"
    )
    with pytest.raises(ValidationFailed, match="twin is the name of 2 instances"):
        await many(compute, "web-01", "twin")


async def test_several_targets_are_resolved_without_duplicates() -> None:
    found = await many(cloud("eu", EU), "web-02", "tag:Role=web", "i-0e4")
    assert ids(found) == ["i-0e2", "i-0e1", "i-0e4"]


async def test_terminated_instances_and_wildcards_match_nothing() -> None:
    for text in ("old", "i-0e3", "web-*", "tag:Role=cache", "10.9.9.9"):
        with pytest.raises(InstanceNotFound):
            await many(cloud("eu", EU), text)
    with pytest.raises(InstanceNotFound) as refused:
        await many(cloud("eu", EU), "old")
    assert refused.value.details == "It is terminated: i-0e3"
    with pytest.raises(ValidationFailed, match="names no tag"):
        await many(cloud("eu", EU), "tag:=web")


async def test_the_error_for_a_wildcard_names_the_alternatives() -> None:
    with pytest.raises(InstanceNotFound) as refused:
        await many(cloud("eu", EU), "web-*")
    assert "use tag:KEY=VALUE" in str(refused.value.details)


async def test_an_instance_is_found_in_any_backend() -> None:
    compute = both()
    assert (await one(compute, "api-01")).backend == "us"
    assert (await one(compute, "i-0e2")).backend == "eu"
    assert (await one(compute, "10.0.9.9")).id == "i-0a2"
    found = await many(compute, "tag:Role=web")
    assert sorted(ids(found)) == ["i-0a1", "i-0e1", "i-0e2"]


@pytest.mark.parametrize("text", ["web-01", "10.0.0.1"])
async def test_a_name_in_two_backends_is_ambiguous_and_lists_both(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await one(both(), text)
    assert refused.value.details == (
        "Name one by its id: i-0a1 (web-01, running, us), i-0e1 (web-01, running, eu)"
    )


async def test_a_missing_instance_is_unavailable_while_a_backend_fails() -> None:
    compute = both(us=[AWAY])
    for whole in (True, False):
        for text in ("db-01", "i-0a1", "api-01", "tag:Role=api"):
            with pytest.raises(BackendUnavailable) as refused:
                await many(compute, text, whole=whole)
            error = refused.value
            assert error.message == f"{text} was not found, but not every backend could be asked"
            assert error.details == "us: The cloud is throttling requests. Try again"
            assert error.retry_after == 9


async def test_an_id_is_resolved_while_another_backend_fails() -> None:
    compute = both(us=[AWAY])
    found = await many(compute, "i-0e1", "i-0e4")
    assert (ids(found), found.failures) == (["i-0e1", "i-0e4"], ())


async def test_changes_by_name_or_tag_are_refused_while_a_backend_fails() -> None:
    compute = both(us=[AWAY])
    with pytest.raises(BackendUnavailable, match="web-02 may be the name of more") as refused:
        await many(compute, "web-02")
    assert refused.value.details == (
        "us: The cloud is throttling requests. Name it by its id: i-0e2 (web-02, running)"
    )
    with pytest.raises(BackendUnavailable, match="Not every instance of tag:Role=web is known"):
        await many(compute, "tag:Role=web")
    with pytest.raises(BackendUnavailable):
        await one(compute, "10.0.0.2")


async def test_reads_continue_and_name_the_failed_backend() -> None:
    compute = both(us=[AWAY])
    found = await many(compute, "tag:Role=web", "i-0e4", "web-01", whole=False)
    assert ids(found) == ["i-0e1", "i-0e2", "i-0e4"]
    assert [str(item) for item in found.failures] == ["us: The cloud is throttling requests"]
    assert (await one(compute, "web-02", whole=False)).id == "i-0e2"


async def test_the_error_says_that_all_backends_failed() -> None:
    denied = {"operation": "list", "code": "PERMISSION_DENIED"}
    with pytest.raises(PermissionDenied, match="Insufficient permissions to list"):
        await one(both(eu=[denied], us=[denied]), "web-01")


async def test_an_id_in_two_backends_is_ambiguous() -> None:
    compute = ComputeGroup([cloud("eu", EU), cloud("copy", EU)], ManualClock(NOON))
    for call in (one, many):
        with pytest.raises(ValidationFailed) as refused:
            await call(compute, "i-0e1")
        assert refused.value.details == "It is in copy and in eu"


async def test_ten_thousand_targets_are_resolved_without_blocking_the_event_loop() -> None:
    config = FakeConfig(instances=10_000)
    compute = Fake.of(config, ManualClock(NOON))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async def turns_of_others(work: Callable[[], Any]) -> int:
        nonlocal turns
        turns = 0
        await work()
        return turns

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        await anyio.lowlevel.checkpoint()
        listed = await turns_of_others(lambda: many(compute, "tag:Environment=production"))
        assert listed >= 20
        group.cancel_scope.cancel()
