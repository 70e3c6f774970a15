"""The kit for authors of channels."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartops import BackendUnavailable, Call, Refusal, ValidationFailed, command
from smartops.channels import (
    Pace,
    Paces,
    Unfinished,
    Url,
    beginning,
    compact_json,
    grouped,
    is_loopback,
    json_size,
    lines_of,
    object_of,
    objects_of,
    one_line,
    retry_after,
    shortened,
    text_of,
    usage,
    without_emphasis,
    without_residue,
)
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


# --- payloads and typed text -----------------------------------------------------------------


def test_members_of_another_type_are_empty() -> None:
    value = {"text": 1, "object": [], "objects": {"a": 1}}
    assert text_of(value, "text") == text_of(value, "missing") == ""
    assert object_of(value, "object") == object_of(value, "missing") == {}
    assert objects_of(value, "objects") == objects_of(value, "missing") == ()
    assert objects_of({"objects": [1, {"a": 2}, None]}, "objects") == ({"a": 2},)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stop\u00a0web", "stop web"),
        ("st\u200bop\ufeff", "stop"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("\u202estop\u2066", "stop"),
        ("e\u0301", "\u00e9"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
        ("\u201cas it is\u201d", "\u201cas it is\u201d"),
    ],
)
def test_residue_of_an_editor_is_removed(typed: str, meant: str) -> None:
    assert without_residue(typed) == meant


def test_emphasis_of_the_whole_text_is_removed() -> None:
    assert without_emphasis("**stop web**") == without_emphasis("_stop web_") == "stop web"
    assert without_emphasis("stop *web*") == "stop *web*"


def test_one_line_and_shortened() -> None:
    assert one_line(" a\n b\x00 ") == "a b\\x00"
    assert one_line("abcdef", 4) == shortened("abcdef", 4) == "abc\u2026"
    assert shortened("abcd", 4) == "abcd"


def test_usage_has_placeholders_in_capitals() -> None:
    @command("check health [{target...}] of {what}")
    async def check(call: Call, what: str, target: list[str] | None = None) -> str:
        """Check."""
        return ""

    assert usage(check) == "check health [TARGET] of WHAT"


# --- splitting -------------------------------------------------------------------------------


def test_the_size_is_that_of_the_bytes() -> None:
    value = {"a": ["\u00e9", 1, True]}
    assert compact_json(value) == '{"a":["\u00e9",1,true]}'.encode()
    assert json_size(value) == len(compact_json(value))
    assert compact_json("\ud800") == b'"?"'


@given(st.lists(st.integers(1, 30)), st.integers(1, 40), st.integers(-5, 40))
def test_groups_are_full_and_in_order(items: list[int], room: int, first: int) -> None:
    groups = list(grouped(items, room, lambda item: item, first=first))
    assert [item for group in groups for item in group] == items
    assert all(sum(group) <= room or len(group) == 1 for group in groups[1:])
    assert all(sum(a) + b[0] > room for a, b in pairwise(groups[1:]))
    assert all(sum(group) <= first or len(group) == 1 for group in groups[:1])


def test_a_group_has_at_most_so_many_items() -> None:
    assert list(grouped("abcde", 9, len, most=2)) == [["a", "b"], ["c", "d"], ["e"]]


@given(st.text(st.sampled_from('a\u00e9\U0001f600"\n\x00'), max_size=200), st.integers(12, 60))
def test_lines_are_cut_where_they_are_too_long_and_nothing_is_lost(text: str, room: int) -> None:
    lines = list(lines_of(text, room))
    assert "".join(lines) == text
    assert all(json_size(line) <= room for line in lines)
    assert all("\n" not in line[:-1] for line in lines)


def test_a_beginning_is_as_long_as_fits() -> None:
    assert beginning("\u00e9" * 10, 8) == "\u00e9" * 3
    assert beginning("abc", 1) == "a"


# --- replies in several parts ----------------------------------------------------------------


def fail_after_one_part(unfinished: Unfinished, error: Refusal, *reply: object) -> None:
    with unfinished.resumed(*reply) as delivered:
        delivered.append("id of a")
        raise error


def test_a_reply_is_resumed_after_the_parts_that_were_delivered() -> None:
    unfinished = Unfinished()
    with pytest.raises(BackendUnavailable):
        fail_after_one_part(unfinished, BackendUnavailable("away"), "m1", ["a", "b"])
    with unfinished.resumed("m2", ["a", "b"]) as delivered:
        assert delivered == []
    with unfinished.resumed("m1", ["a", "b"]) as delivered:
        assert delivered == ["id of a"]
    with unfinished.resumed("m1", ["a", "b"]) as delivered:
        assert delivered == []


def test_a_refused_reply_is_not_resumed() -> None:
    unfinished = Unfinished()
    with pytest.raises(ValidationFailed):
        fail_after_one_part(unfinished, ValidationFailed("too large"), "m1")
    with unfinished.resumed("m1") as delivered:
        assert delivered == []


# --- pacing ----------------------------------------------------------------------------------


async def moments(pace: Pace, clock: ManualClock, count: int) -> list[float]:
    began, ends = clock.time(), []

    async def call() -> None:
        await pace.turn()
        ends.append(clock.time() - began)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(call)
        for _ in range(40):
            await anyio.wait_all_tasks_blocked()
            clock.advance(0.5)
    return ends


async def test_no_window_holds_more_calls_than_it_may() -> None:
    clock = ManualClock()
    made = await moments(Pace(clock, [(2, 1.0), (3, 10.0)]), clock, 7)
    assert made == [0, 0, 1, 10, 10, 11, 20]


async def test_calls_that_do_not_overlap_count_from_their_end() -> None:
    clock = ManualClock()
    pace = Pace(clock, [(1, 1.0)])
    await pace.turn()
    clock.advance(5)
    pace.ended()
    assert await moments(pace, clock, 1) == [1]


async def test_a_paused_pace_begins_no_call() -> None:
    clock = ManualClock()
    pace = Pace(clock, [(5, 1.0)])
    pace.pause(3)
    assert await moments(pace, clock, 1) == [3]


async def test_idle_paces_are_removed_when_there_are_many() -> None:
    clock = ManualClock()
    paces = Paces(lambda: Pace(clock, [(1, 10.0)]), most=2)
    await paces["a"].turn()
    clock.advance(11)
    await paces["b"].turn()
    paces["c"].pause(5)
    assert set(paces) == {"b", "c"}


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("0", 0), ("", None), ("Wed, 21 Oct", None), ("-1", None)]
)
def test_retry_after(value: str, seconds: int | None) -> None:
    assert retry_after({"Retry-After": value}) == seconds
    assert retry_after({}) is None


# --- URLs ------------------------------------------------------------------------------------


def test_the_parts_of_a_url() -> None:
    assert Url.parse("HTTPS://Hooks.Example/x?y=1") == Url("https", "hooks.example", 443, "/x?y=1")
    assert Url.parse("ws://[::1]:8080") == Url("ws", "::1", 8080, "")
    secure, local = Url.parse("https://a.example:443"), Url.parse("http://127.0.0.1:1")
    assert secure is not None
    assert local is not None
    assert (secure.is_secure, secure.is_loopback) == (True, False)
    assert (local.is_secure, local.is_loopback) == (False, True)
    assert is_loopback("localhost")
    assert not is_loopback("localhost.example")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://a.example",
        "https://user@a.example",
        "https://a.example\\@b.example",
        "https://a.example\n",
        "https://\u0430.example",
        "https://a..example",
        "//a.example",
        "",
    ],
)
def test_what_two_parsers_could_read_differently_is_no_url(text: str) -> None:
    assert Url.parse(text) is None
