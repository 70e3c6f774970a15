"""Requests for the approval of others end once, over all replicas, on each database."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from smartops.store import (
    LEASE,
    Approval,
    ApprovalMessage,
    AuditEvent,
    Decision,
    Operation,
    RoleGrant,
    Store,
    token_key,
)
from smartops.testing import ManualClock

from .conftest import Opener

pytestmark = pytest.mark.anyio

EVENT = AuditEvent(at=1.0, request_id="request-1")


async def requested(store: Store, clock: ManualClock, *places: str) -> Approval:
    """Store a pending approval, and request it in these places."""
    now = clock.time()
    pending = Approval("ap-1", "alice", "stop web-1", "0123", now + 900, "{}")
    await store.add_approval(
        pending, ApprovalMessage(token_key("token"), "ap-1", "slack", "room-1", now + 900)
    )
    request = replace(pending, state="requested", message="{}", requested=now, expires=now + 3600)
    posts = [
        ApprovalMessage(f"post-{place}", "ap-1", "slack", "C1", now + 3600, place=place)
        for place in places
    ]
    assert await store.request(request, posts, EVENT)
    assert not await store.request(request, posts, EVENT)
    return request


def decided(clock: ManualClock, person: str, verdict: str = "approved") -> Decision:
    return Decision("ap-1", person, verdict, "", f"local::{person}", "", "api", clock.time())  # type: ignore[arg-type]


def operation(store: Store, clock: ManualClock, id_: str) -> Operation:
    return Operation(
        id=id_,
        person="alice",
        command_text="stop web-1",
        plan="{}",
        approval_id="ap-1",
        channel="slack",
        conversation="room-1",
        message="{}",
        owner=store.owner,
        started=clock.time(),
    )


async def test_two_replicas_that_have_all_decisions_begin_one_operation(
    url: str, opened: Opener, clock: ManualClock
) -> None:
    one, two = await opened(url), await opened(url)
    request = await requested(one, clock)
    assert await one.decide(decided(clock, "bob"), EVENT)
    assert await two.decide(decided(clock, "carol"), EVENT)
    assert [item.person for item in await two.decisions("ap-1")] == ["bob", "carol"]
    begun: list[bool] = []

    async def begin(store: Store, id_: str) -> None:
        begun.append(
            await store.accept(request.id, operation(store, clock, id_), state="requested")
        )

    async with anyio.create_task_group() as group:
        group.start_soon(begin, one, "op-1")
        group.start_soon(begin, two, "op-2")
    assert sorted(begun) == [False, True]
    assert (await one.operation_for("ap-1")) is not None
    assert not await two.decide(decided(clock, "dave", "declined"), EVENT)


async def test_a_decline_ends_a_request_and_so_does_its_end(
    store: Store, clock: ManualClock
) -> None:
    await requested(store, clock)
    assert await store.decide(decided(clock, "bob"), EVENT)
    assert await store.decide(decided(clock, "bob", "declined"), EVENT)
    assert [item.verdict for item in await store.decisions("ap-1")] == ["declined"]
    assert not await store.decide(decided(clock, "carol"), EVENT)
    assert not await store.end_request("ap-1", "expired", EVENT)
    assert await store.requests() == []


async def test_a_request_cannot_be_decided_after_its_time(store: Store, clock: ManualClock) -> None:
    await requested(store, clock)
    clock.advance(3600)
    assert not await store.decide(decided(clock, "bob"), EVENT)
    (request,) = await store.requests("alice")
    assert request.state == "expired"
    assert await store.end_request("ap-1", "expired", EVENT)


async def test_a_post_and_an_escalation_belong_to_one_replica(
    url: str, opened: Opener, clock: ManualClock
) -> None:
    one, two = await opened(url), await opened(url)
    request = await requested(one, clock, "slack/T1/C1")
    assert [item.place for item in await one.take_posts()] == ["slack/T1/C1"]
    assert await two.take_posts() == []
    clock.advance(LEASE)
    (post,) = await two.take_posts()
    two.shown(post.key, "C1:1")
    clock.advance(LEASE)
    assert await two.take_posts() == []
    assert await one.escalate(request, "rule", [], EVENT)
    assert not await two.escalate(request, "rule", [], EVENT)
    assert await one.take_request("ap-1")
    assert not await two.take_request("ap-1")


async def test_a_role_is_given_once_and_ended_once(store: Store, clock: ManualClock) -> None:
    grant = RoleGrant("op-1", "bob", "operator", clock.time(), clock.time() + 60)
    for _ in range(2):
        await store.grant_role(grant, EVENT)
    assert await store.role_grants() == [grant]
    assert [await store.end_grant("op-1", EVENT) for _ in range(2)] == [True, False]
    assert await store.role_grants() == []
