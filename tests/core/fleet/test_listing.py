"""The listing of several backends is the merged listing of their instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartops import (
    BackendUnavailable,
    Compute,
    Instance,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)
from smartops.backends import Page, Query, Transition, Verb
from smartops.fleet import ComputeGroup
from smartops.fleet.cursor import ENDED, FAILED, MOST, Cursor, Position, read, write
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Clouds = Callable[..., list[Fake]]
EU, US = "prod/eu-central-1", "prod/us-east-1"


class PagedCompute(Compute):
    """A Compute in memory with pages of at most ``most`` instances; cursors are numbers."""

    def __init__(self, name: str, instances: Sequence[Instance], most: int = 1000) -> None:
        self.name = name
        self.instances = sorted(instances, key=lambda item: (item.name, item.id))
        self.most = most
        self.fault: Refusal | None = None
        self.asked: list[Query] = []

    async def ping(self) -> None: ...

    async def list(self, query: Query) -> Page:
        self.asked.append(query)
        if self.fault:
            raise self.fault
        if query.cursor and not query.cursor.isdecimal():
            raise ValidationFailed("There is no such page")
        start = int(query.cursor or 0)
        end = len(self.instances)
        if query.limit:
            end = min(end, start + min(query.limit, self.most))
        counts = Counter(item.state for item in self.instances)
        more = str(end) if end < len(self.instances) else ""
        return Page(tuple(self.instances[start:end]), dict(counts), more)

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        raise AssertionError("a listing changes nothing")

    async def change(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        raise AssertionError("a listing changes nothing")

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        raise AssertionError("a listing changes nothing")

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        raise AssertionError("a listing changes nothing")


def paged(name: str, *names: str, **more: Any) -> PagedCompute:
    machines = [
        Instance(f"i-{name}{number}", each, "t3.micro", "running", "linux", backend=name)
        for number, each in enumerate(names)
    ]
    return PagedCompute(name, machines, **more)


def group(*backends: PagedCompute) -> ComputeGroup:
    return ComputeGroup(backends, ManualClock())


async def pages(compute: Compute, limit: int) -> list[Page]:
    found = [await compute.list(Query(limit=limit))]
    while found[-1].next:
        found.append(await compute.list(Query(limit=limit, cursor=found[-1].next)))
        assert len(found) < 500
    return found


MACHINES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "a-1", "web", "", "é", "z" * 40]),
        st.sampled_from(["running", "stopped"]),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    fleets=st.lists(MACHINES, min_size=1, max_size=4),
    limit=st.integers(1, 9),
    most=st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
async def test_the_pages_together_equal_the_merged_listing(
    fleets: list[list[tuple[str, str]]], limit: int, most: list[int]
) -> None:
    backends = []
    for place, machines in enumerate(fleets):
        instances = [
            Instance(f"i-{number}", name, "t3.micro", state, "linux", backend=f"b{place}")
            for number, (name, state) in enumerate(machines)
        ]
        backends.append(PagedCompute(f"b{place}", instances, most[place]))
    everything = [item for each in backends for item in each.instances]
    expected = sorted(everything, key=lambda item: (item.name, item.id, item.backend))
    compute = group(*backends)
    whole = await compute.list(Query())
    assert list(whole.instances) == expected
    assert whole.next == ""
    found = await pages(compute, limit)
    assert [item for page in found for item in page.instances] == expected
    assert all(len(page.instances) == limit for page in found[:-1])
    assert all(page.counts == Counter(item.state for item in everything) for page in found)
    assert all(page.failures == () for page in found)


async def test_members_are_asked_for_at_most_one_page_at_a_time() -> None:
    one, two = paged("a", *"abcdefghijklmnop"), paged("b", *"abcdefghijklmnop")
    found = await pages(group(one, two), 5)
    assert len(found) == 7
    for each in (one, two):
        assert max(query.limit for query in each.asked) == 5
        assert len(each.asked) <= 2 * len(found)


async def test_members_get_the_query_without_the_group_s_cursor_and_globs() -> None:
    one, two = paged("a"), paged("b")
    query = Query(names=("x",), tags={"k": ("v",)}, limit=3, backends=("a",))
    await group(one, two).list(query)
    assert one.asked == [replace(query, backends=())]
    assert two.asked == []


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        ((), {EU, US}),
        (("prod/*",), {EU, US}),
        (("prod/eu-*",), {EU}),
        (("*-1",), {EU, US}),
        ((US, "nowhere"), {US}),
    ],
)
async def test_globs_select_backends(
    clouds: Clouds, clock: ManualClock, globs: tuple[str, ...], expected: set[str]
) -> None:
    page = await ComputeGroup(clouds(), clock).list(Query(backends=globs))
    assert {item.backend for item in page.instances} == expected


async def test_globs_that_match_no_backend_are_refused(clouds: Clouds, clock: ManualClock) -> None:
    with pytest.raises(ValidationFailed, match="No backend is called test/") as refused:
        await ComputeGroup(clouds(), clock).list(Query(backends=("test/*", "x")))
    assert refused.value.details == f"There are: {EU}, {US}"


async def test_failed_backends_are_named_and_others_listed() -> None:
    one, two, three = paged("a", "x"), paged("b", "y"), paged("c", "z")
    two.fault = BackendUnavailable("b is away", details="no route")
    page = await group(one, two, three).list(Query())
    assert [item.name for item in page.instances] == ["x", "z"]
    assert page.counts == {"running": 2}
    assert [(item.backend, item.error) for item in page.failures] == [("b", two.fault)]
    assert page.failures[0].data == {
        "backend": "b",
        "code": "BACKEND_UNAVAILABLE",
        "message": "b is away",
    }


async def test_a_listing_fails_if_all_backends_fail() -> None:
    one, two = paged("a", "x"), paged("b", "y")
    one.fault = RateLimited("slow down", details="RequestLimitExceeded", retry_after=3)
    two.fault = RateLimited("too fast", retry_after=7)
    with pytest.raises(RateLimited) as refused:
        await group(one, two).list(Query())
    assert refused.value.message == "2 backends refused or did not answer"
    assert refused.value.details == "a: slow down (RequestLimitExceeded); b: too fast"
    assert refused.value.retry_after == 7
    two.fault = BackendUnavailable("b is away")
    with pytest.raises(BackendUnavailable):
        await group(one, two).list(Query())


async def test_a_common_reason_is_reported_once() -> None:
    one, two = paged("a", "x"), paged("b", "y")
    one.fault = PermissionDenied("You may not list", details="Required: list")
    two.fault = PermissionDenied("You may not list", details="Required: list")
    with pytest.raises(PermissionDenied) as refused:
        await group(one, two).list(Query())
    assert refused.value.message == "You may not list"
    assert refused.value.details == "Required: list. In a, b"


async def test_a_single_selected_backend_is_named_if_it_fails() -> None:
    one, two = paged("a", "x"), paged("b", "y")
    one.fault = RateLimited("slow down", details="RequestLimitExceeded", retry_after=3)
    with pytest.raises(RateLimited) as refused:
        await group(one, two).list(Query(backends=("a",)))
    error = refused.value
    assert (error.message, error.details) == ("a: slow down", "RequestLimitExceeded")
    assert error.retry_after == 3
    assert one.fault.message == "slow down"  # the backend's error is not changed


async def test_a_failed_backend_is_named_and_left_out_of_later_pages() -> None:
    one, two = paged("a", "a", "c", "e", "g"), paged("b", "b", "d", "f")
    two.fault = BackendUnavailable("b is away")
    first = await group(one, two).list(Query(limit=2))
    two.fault = None
    second = await group(one, two).list(Query(limit=2, cursor=first.next))
    assert [item.name for item in second.instances] == ["e", "g"]
    assert [item.backend for item in second.failures] == ["b"]
    assert second.next == ""
    assert len(two.asked) == 1


async def test_a_backend_that_fails_later_is_left_out_of_the_following_pages() -> None:
    one, two = paged("a", "a", "c", "e", "g"), paged("b", "b", "d", "f")
    compute = group(one, two)
    first = await compute.list(Query(limit=2))
    two.fault = BackendUnavailable("b is away")
    second = await compute.list(Query(limit=2, cursor=first.next))
    two.fault = None
    third = await compute.list(Query(limit=2, cursor=second.next))
    shown = [item.name for page in (first, second, third) for item in page.instances]
    assert shown == ["a", "b", "c", "e", "g"]
    assert [len(page.failures) for page in (first, second, third)] == [0, 1, 1]


async def test_a_cursor_stays_valid_when_instances_change() -> None:
    one, two = paged("a", "b", "d", "f"), paged("b", "c", "e", "g")
    compute = group(one, two)
    first = await compute.list(Query(limit=3))
    one.instances = one.instances[1:]  # the first instance is gone, so all positions move by one
    second = await compute.list(Query(limit=9, cursor=first.next))
    names = [item.name for item in (*first.instances, *second.instances)]
    assert names == ["b", "c", "d", "e", "f", "g"]


async def test_a_cursor_of_other_backends_is_refused() -> None:
    one, two = paged("a", *"abc"), paged("b", *"abc")
    first = await group(one, two).list(Query(limit=2))
    for other in (group(one), group(two, one), group(one, two, paged("c"))):
        with pytest.raises(ValidationFailed, match="There is no such page"):
            await other.list(Query(limit=2, cursor=first.next))


async def test_a_forged_cursor_of_a_member_is_refused() -> None:
    cursor = write(Cursor(("", "", ""), ("made-up", "")), ["a", "b"])
    with pytest.raises(ValidationFailed, match="There is no such page"):
        await group(paged("a", "x"), paged("b", "y")).list(Query(limit=1, cursor=cursor))


async def test_a_cursor_with_only_failed_backends_fails() -> None:
    cursor = write(Cursor(("", "", ""), (FAILED,) * 2), ["a", "b"])
    with pytest.raises(BackendUnavailable, match="earlier page"):
        await group(paged("a", "x"), paged("b", "y")).list(Query(limit=1, cursor=cursor))


KEYS = st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
POSITIONS = st.one_of(
    st.text(max_size=30),
    st.just(ENDED),
    st.just(FAILED),
)


def names(positions: Sequence[Position]) -> list[str]:
    return [f"b{number}" for number in range(len(positions))]


@given(after=KEYS, positions=st.lists(POSITIONS, min_size=1, max_size=5))
def test_a_written_cursor_parses_to_itself(
    after: tuple[str, str, str], positions: list[Position]
) -> None:
    cursor = Cursor(after, tuple(positions))
    text = write(cursor, names(positions))
    assert read(text, names(positions)) == cursor
    assert text.isascii()
    assert not set(text) & set(" +/=,")


@settings(max_examples=100)
@given(
    after=KEYS,
    positions=st.lists(POSITIONS, min_size=1, max_size=3),
    at=st.integers(0, 400),
    put=st.characters(),
)
def test_a_corrupted_cursor_is_refused(
    after: tuple[str, str, str], positions: list[Position], at: int, put: str
) -> None:
    text = write(Cursor(after, tuple(positions)), names(positions))
    at %= len(text)
    changed = text[:at] + put + text[at + 1 :]
    try:
        found = read(changed, names(positions))
    except ValidationFailed:
        return
    assert found == Cursor(after, tuple(positions))  # only unused bits of base64 differ


@given(text=st.one_of(st.text(), st.binary().map(lambda raw: raw.hex())))
def test_arbitrary_text_is_not_a_cursor(text: str) -> None:
    with pytest.raises(ValidationFailed):
        read(text, ["a", "b"])


def test_cursors_are_bounded() -> None:
    many = [f"backend-{number}" for number in range(300)]
    positions = tuple("c" * 100 for _ in many)
    with pytest.raises(ValidationFailed, match="300 backends are too many"):
        write(Cursor(("", "", ""), positions), many)
    with pytest.raises(ValidationFailed):
        read("A" * (MOST + 1), ["a"])


async def test_ten_thousand_instances_do_not_block_the_event_loop() -> None:
    backends = [
        paged(f"b{place}", *(f"m-{number:04d}" for number in range(2500))) for place in "abcd"
    ]
    compute, turns = group(*backends), 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        await anyio.lowlevel.checkpoint()
        turns = 0
        page = await compute.list(Query())
        tasks.cancel_scope.cancel()
    assert len(page.instances) == sum(page.counts.values()) == 10_000
    assert turns >= 40
