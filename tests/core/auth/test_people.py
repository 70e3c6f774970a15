from __future__ import annotations

import pytest

from smartops import Identity, Person
from smartops.auth import People
from smartops.config.policy import GuestSettings, PersonSettings, RoleSettings
from smartops.message import parse_identity


def role(*includes: str) -> RoleSettings:
    return RoleSettings(includes=includes)


def member(roles: tuple[str, ...] = (), identities: tuple[str, ...] = ()) -> PersonSettings:
    return PersonSettings(roles=roles, identities=identities)


ROLES = {
    "viewer": role(),
    "operator": role("viewer"),
    "owner": role("operator", "auditor"),
    "auditor": role(),
}


def people(**members: PersonSettings) -> People:
    return People(members, [GuestSettings(provider="corp", roles=("viewer",))], ROLES)


def test_finds_the_person_behind_each_identity() -> None:
    known = people(alice=member(("operator",), ("local:alice", "corp:T:1")))
    for identity in (Identity("local", "", "alice"), Identity("corp", "T", "1")):
        roles = frozenset({"operator", "viewer"})
        assert known.person(identity) == Person("alice", roles, identity)


def test_roles_contain_others_to_any_depth() -> None:
    known = people(olga=member(("owner",), ("local:olga",)))
    person = known.person(Identity("local", "", "olga"))
    assert person is not None
    assert person.roles == {"owner", "operator", "viewer", "auditor"}


def test_proven_roles_contain_others_and_unknown_ones_give_nothing() -> None:
    known = people(vic=member(("viewer",), ("local:vic",)))
    vic, stranger = Identity("local", "", "vic"), Identity("local", "", "zoe")
    proven = known.person(vic, ("owner", "root"))
    assert proven is not None
    assert (proven.name, proven.roles) == ("vic", {"owner", "operator", "viewer", "auditor"})
    assert known.person(stranger, ("auditor",)) == Person(
        "local:zoe", frozenset({"auditor"}), stranger
    )
    again = known.person(vic)
    assert again is not None
    assert again.roles == {"viewer"}


@pytest.mark.parametrize(
    "identity",
    [
        Identity("local", "", "bob"),
        Identity("local", "", "Alice"),
        Identity("other", "", "alice"),
        Identity("local", "T", "alice"),
        Identity("local", "alice", ""),
        Identity("", "local", "alice"),
        Identity("local", "", "corp:T:1"),
    ],
)
def test_an_unknown_identity_has_no_person(identity: Identity) -> None:
    assert people(alice=member(("operator",), ("local:alice",))).person(identity) is None


def test_the_same_text_is_not_the_same_identity() -> None:
    known = people(alice=member(("operator",), ("local:T:1",)))
    assert known.person(Identity("local", "T", "1")) is not None
    assert known.person(Identity("local", "", "T:1")) is None


def test_finds_people_by_name() -> None:
    known = people(alice=member(("operator",), ("local:alice", "corp:T:1")), bob=member())
    alice = known.named("alice")
    assert alice is not None
    assert str(alice.identity) == "local:alice"
    assert known.named("bob") == Person("bob", frozenset(), Identity("", "", "bob"))
    assert known.named("corp:T:2") is None


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("local:alice", Identity("local", "", "alice")),
        ("corp:T:1", Identity("corp", "T", "1")),
        ("corp:T:29:x", Identity("corp", "T", "29:x")),
        ("corp::29:x", Identity("corp", "", "29:x")),
        ("alice", None),
        ("", None),
        (":alice", None),
        ("local:", None),
        ("corp:T:", None),
    ],
)
def test_reads_identities(text: str, identity: Identity | None) -> None:
    assert parse_identity(text) == identity


def test_an_unknown_role_and_a_cycle_give_nothing_more() -> None:
    roles = {"a": role("b", "ghost"), "b": role("a")}
    known = People({"x": member(("a", "phantom"), ("local:x",))}, [], roles)
    person = known.named("x")
    assert person is not None
    assert person.roles == {"a", "b"}


def test_guests_hold_the_roles_of_their_provider() -> None:
    known = people(alice=member(("operator",), ("corp:T:1",)))
    stranger = Identity("corp", "T", "2")
    assert known.person(stranger) == Person("corp:T:2", frozenset({"viewer"}), stranger)
    alice = known.person(Identity("corp", "T", "1"))
    assert alice is not None
    assert alice.name == "alice"
