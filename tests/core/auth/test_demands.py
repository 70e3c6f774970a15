"""Who can approve: persons by the people file, guests and senders for others only by name."""

from __future__ import annotations

import pytest

from smartops.auth import Demand, People
from smartops.auth.demands import place
from smartops.config.policy import GuestSettings, PersonSettings, RoleSettings
from smartops.message import Identity, Place, parse_identity

PEOPLE = People(
    {
        "bob": PersonSettings(roles=("lead",), identities=("local:bob", "teams:T:bob")),
        "dave": PersonSettings(roles=("operator",), identities=("local:dave",)),
        "robot": PersonSettings(roles=("operator",), identities=("local:robot",)),
    },
    [GuestSettings(provider="local", roles=("lead",))],
    {"lead": RoleSettings(), "operator": RoleSettings(), "head": RoleSettings(includes=("lead",))},
)


def identity(text: str) -> Identity:
    found = parse_identity(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("demand", "sender", "acting", "name"),
    [
        (Demand("a", roles=("lead",)), "local:bob", "", "bob"),
        (Demand("a", roles=("lead",)), "teams:T:bob", "", "bob"),
        (Demand("a", roles=("lead",)), "local:dave", "", ""),
        (Demand("a", roles=("lead",)), "local:guest", "", ""),
        (Demand("a", people=("dave",)), "local:dave", "", "dave"),
        (Demand("a", people=("local:guest",)), "local:guest", "", "local:guest"),
        (Demand("a", roles=("lead",)), "local:bob", "local:robot", ""),
        (Demand("a", roles=("lead",), people=("robot",)), "local:bob", "local:robot", "bob"),
        (Demand("a", roles=("lead",), people=("robot",)), "local:dave", "local:robot", ""),
    ],
)
def test_the_name_under_which_a_sender_can_approve(
    demand: Demand, sender: str, acting: str, name: str
) -> None:
    who = identity(acting) if acting else None
    assert demand.approver(PEOPLE, identity(sender), who) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ops", Place("slack", "T1", "", "C1")),
        ("slack/T1/C2", Place("slack", "T1", "", "C2")),
        ("teams/T/TEAM/19:a@thread.tacv2", Place("teams", "T", "TEAM", "19:a@thread.tacv2")),
    ],
)
def test_a_place_by_its_name_or_its_levels(text: str, expected: Place) -> None:
    assert place(text, {"ops": "slack/T1/C1"}) == expected
