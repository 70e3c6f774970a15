"""Filters for EC2 select every instance that a query selects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Instance
from smartops.backends import Query
from smartops_aws.filters import MOST_VALUES, requests

WEB = Instance(
    "i-1", "web-1", "t3.micro", "running", "linux", "10.0.0.1", "54.0.0.1", {"Role": "web"}
)
WORD = st.text("ab*?[\\]", max_size=3)


def by_ec2(filters: Iterable[Any], item: Instance) -> bool:
    """Say whether EC2 would return an instance: values are patterns, a backslash escapes."""
    reported = {
        "instance-id": [item.id],
        "instance-state-name": [item.state],
        "instance-type": [item.type],
        "private-ip-address": [item.private_ip],
        "ip-address": [item.public_ip],
        "tag-key": list(item.tags),
        **{f"tag:{key}": [value] for key, value in item.tags.items()},
    }
    return all(
        any(
            re.fullmatch(as_regex(each["Values"]), value, re.DOTALL)
            for value in reported.get(each["Name"], [])
        )
        for each in filters
    )


def as_regex(patterns: Sequence[str]) -> str:
    parts = {"*": ".*", "?": "."}
    return "|".join(
        "".join(
            parts.get(token) or re.escape(token.removeprefix("\\") if len(token) > 1 else token)
            for token in re.findall(r"\\.|.", pattern, re.DOTALL)
        )
        for pattern in patterns
    )


instances = st.builds(
    lambda name, role, kind, state: Instance(
        "i-1",
        name,
        kind,
        state,
        "linux",
        "10.0.0.1",
        "54.0.0.1",
        {**({"Name": name} if name else {}), **({"Role": role} if role is not None else {})},
    ),
    name=WORD,
    role=st.none() | WORD,
    kind=st.sampled_from(["t3.micro", "m5.large"]),
    state=st.sampled_from(["running", "stopped"]),
)
queries = st.builds(
    Query,
    ids=st.sampled_from([(), ("i-1",), ("i-2", "i-1"), ("i-2",)]),
    names=st.lists(WORD, max_size=2).map(tuple),
    addresses=st.sampled_from([(), ("10.0.0.1",), ("54.0.0.1",), ("1.1.1.1",)]),
    states=st.sampled_from([(), ("running",)]),
    types=st.sampled_from([(), ("t3.micro",)]),
    tags=st.dictionaries(st.just("Role"), st.lists(WORD, max_size=2).map(tuple)),
)


@settings(deadline=None, max_examples=50)
@given(queries, instances)
def test_the_filters_select_every_match(query: Query, item: Instance) -> None:
    if query.matches(item) and (item.name or not query.names):
        assert any(by_ec2(filters, item) for filters in requests(query))


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        (Query(), [[]]),
        (Query(ids=("i-1",)), [[("instance-id", ["i-1"])]]),
        (Query(names=(r"web-*\?",)), [[("tag:Name", [r"???-*\?"])]]),
        (Query(types=("T3.*",)), [[("instance-type", ["t3.*"])]]),
        (
            Query(states=("running",), tags={"Role": ("a*",), "Owner": ()}),
            [
                [
                    ("instance-state-name", ["running"]),
                    ("tag:Role", ["a*"]),
                    ("tag-key", ["Owner"]),
                ]
            ],
        ),
        (
            Query(addresses=("10.0.0.1",), types=("t3.micro",)),
            [
                [("private-ip-address", ["10.0.0.1"]), ("instance-type", ["t3.micro"])],
                [("ip-address", ["10.0.0.1"]), ("instance-type", ["t3.micro"])],
            ],
        ),
    ],
)
def test_conditions_become_filters(query: Query, filters: object) -> None:
    written = [[(item["Name"], item["Values"]) for item in each] for each in requests(query)]
    assert written == filters


def test_no_request_has_more_values_than_ec2_takes() -> None:
    query = Query(
        ids=tuple(f"i-{number}" for number in range(1000)),
        types=tuple(f"t{number}" for number in range(60)),
        tags={"Role": tuple(f"r{number}" for number in range(30))},
    )
    made = requests(query)
    assert len(made) == 7
    for filters in made:
        assert sum(len(item["Values"]) for item in filters) <= MOST_VALUES
        assert all(item["Values"] for item in filters)
    named = {value for filters in made for value in filters[0]["Values"]}
    assert named == set(query.ids)


@pytest.mark.parametrize(
    ("query", "selects"),
    [
        (Query(platforms=("linux",)), True),
        (Query(platforms=("windows",)), False),
        (Query(names=("db-*", "web-?")), True),
        (Query(names=("web-[1]",)), False),
        (Query(names=(r"web-\1", "no"), types=("T3*",), tags={"Role": ("w?b",)}), True),
        (Query(tags={"Role": ("Web",)}), False),
        (Query(addresses=("54.0.0.1",)), True),
        (Query(tags={"Role": ()}), True),
        (Query(tags={"Role": ("db",)}), False),
        (Query(ids=("i-1",), states=("stopped",)), False),
    ],
)
def test_a_query_selects_exactly(query: Query, selects: bool) -> None:
    assert query.matches(WEB) is selects
