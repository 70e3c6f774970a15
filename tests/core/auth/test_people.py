from __future__ import annotations

import pytest

from smartops import Identity, Person
from smartops.auth import Guest, Member, People, Role, parse_identity
from smartops.errors import StartupError

ROLES = {"viewer": Role(), "operator": Role(("viewer",)), "owner": Role(("operator", "auditor"))}
ROLES["auditor"] = Role()


def people(**members: Member) -> People:
    return People(members, [Guest("corp", ("viewer",))], ROLES)


def problems(*args: object) -> list[str]:
    with pytest.raises(StartupError) as error:
        People(*args)  # type: ignore[arg-type]
    return [str(problem) for problem in error.value.problems]


def test_finds_the_person_behind_each_identity() -> None:
    known = people(alice=Member(("operator",), ("local:alice", "corp:T:1")))
    for identity in (Identity("local", "", "alice"), Identity("corp", "T", "1")):
        roles = frozenset({"operator", "viewer"})
        assert known.person(identity) == Person("alice", roles, identity)


def test_roles_contain_others_to_any_depth() -> None:
    known = people(olga=Member(("owner",), ("local:olga",)))
    person = known.person(Identity("local", "", "olga"))
    assert person is not None
    assert person.roles == {"owner", "operator", "viewer", "auditor"}


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
def test_a_stranger_is_nobody(identity: Identity) -> None:
    assert people(alice=Member(("operator",), ("local:alice",))).person(identity) is None


def test_the_same_text_is_not_the_same_identity() -> None:
    known = people(alice=Member(("operator",), ("local:T:1",)))
    assert known.person(Identity("local", "T", "1")) is not None
    assert known.person(Identity("local", "", "T:1")) is None


def test_guests_hold_the_roles_of_their_provider() -> None:
    known = people(alice=Member(("operator",), ("corp:T:1",)))
    stranger = Identity("corp", "T", "2")
    assert known.person(stranger) == Person("corp:T:2", frozenset({"viewer"}), stranger)
    alice = known.person(Identity("corp", "T", "1"))
    assert alice is not None
    assert alice.name == "alice"


def test_finds_people_by_name() -> None:
    known = people(alice=Member(("operator",), ("local:alice", "corp:T:1")), bob=Member())
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


def test_reports_everything_that_is_wrong() -> None:
    members = {
        "alice": Member(("oprator",), ("local:alice", "alice")),
        "bob": Member(("viewer",), ("local:alice",)),
        "local:carol": Member(),
    }
    guests = [Guest("corp", ("viewr",)), Guest("corp")]
    roles = {"viewer": Role(), "operator": Role(("viewer", "nobody"))}
    assert problems(members, guests, roles) == [
        "roles.operator.includes: there is no role nobody",
        "people.alice.roles: there is no role oprator; did you mean operator?",
        "people.alice.identities: 'alice' is neither provider:id nor provider:tenant:id",
        "people.bob.identities: local:alice belongs to alice already",
        "people.local:carol: a person's name may not hold a colon",
        "guests.0.roles: there is no role viewr; did you mean viewer?",
        "guests.1: corp has guests already",
    ]


@pytest.mark.parametrize(
    ("roles", "guilty"),
    [
        ({"a": Role(("a",))}, ["a"]),
        ({"a": Role(("b",)), "b": Role(("a",))}, ["a", "b"]),
        ({"a": Role(("b",)), "b": Role(("c",)), "c": Role(("b",))}, ["b", "c"]),
    ],
)
def test_roles_may_not_contain_themselves(roles: dict[str, Role], guilty: list[str]) -> None:
    assert problems({}, [], roles) == [
        f"roles.{name}: the role {name} contains itself" for name in guilty
    ]


def test_a_role_may_be_reached_twice() -> None:
    roles = {"a": Role(("b", "c")), "b": Role(("d",)), "c": Role(("d",)), "d": Role()}
    known = People({"x": Member(("a", "d"), ("local:x",))}, [], roles)
    person = known.named("x")
    assert person is not None
    assert person.roles == {"a", "b", "c", "d"}
