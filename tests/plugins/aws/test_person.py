"""Names of persons as names of sessions: valid for AWS, and distinct."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Call, Identity, Message, Person, Reply
from smartops.channels import Place
from smartops_aws.kit.person import BOT, for_person, session_name

ALLOWED = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")


def named(name: str) -> str:
    """Return the session that a command of this person is carried out in."""
    seen: list[str] = []

    async def inner(call: Call) -> Reply:
        seen.append(session_name())
        return Reply.of()

    identity = Identity("test", "", "1")
    message = Message("1", "test", "", identity, Place("test"), datetime.now(UTC), "r")
    call = Call("stop", {}, Person(name, frozenset(), identity), message)
    coroutine = for_person(call, inner)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    return seen[0]


@pytest.mark.parametrize("name", ["alice", "a.b@example.com", "ops+night", "x" * 64, "al"])
def test_a_valid_name_is_unchanged(name: str) -> None:
    assert named(name) == name


@pytest.mark.parametrize(
    "name", ["a", "Zoë", "teams:1f0c:aaaa", "x" * 65, "a b", "a\nb", "", "smartops", "/" * 200]
)
def test_an_invalid_name_is_replaced(name: str) -> None:
    found = named(name)
    assert ALLOWED.fullmatch(found)
    assert found != name
    if name:
        assert found != BOT


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_two_people_never_share_one(one: str, other: str) -> None:
    assert ALLOWED.fullmatch(named(one))
    if one != other:
        assert named(one) != named(other)


def test_the_session_name_is_reset_after_the_command() -> None:
    assert session_name() == BOT
    assert named("alice") == "alice"
    assert session_name() == BOT
