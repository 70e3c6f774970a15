"""Arguments in JSON are validated by the schema and written as the canonical text."""

from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Command, ValidationFailed
from smartops.grammar import Grammar, Reference, arguments_schema, read_arguments
from smartops.grammar.schema import jsonable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("name", "document", "text"),
    [
        ("list instances", {}, "list instances"),
        ("list instances", {"limit": 5, "state": ["running"]}, None),
        ("list instances", {"limit": 5.0}, "list instances --limit 5"),
        ("list instances", {"limit": "5"}, "list instances --limit 5"),
        ("list instances", {"state": "running, stopped"}, None),
        ("list instances", {"colour": False, "ratio": 0.5}, None),
        ("list instances", {"since": "1h30m", "name": [], "platform": None}, None),
        ("check health", {"target": "web-1"}, "check health web-1"),
        ("execute", {"script": "df -h", "targets": ["a", "b"]}, 'execute "df -h" on a,b'),
        ("execute", {"script": "df -h", "targets": "a, b"}, 'execute "df -h" on a,b'),
        ("show", {"target": "on; stop db-1"}, 'show "on; stop db-1"'),
        ("stop", {"targets": ["a --force", "b"]}, 'stop "a --force",b'),
    ],
)
def test_json_arguments_become_the_canonical_text(
    grammar: Grammar, commands: dict[str, Command], name: str, document: Any, text: str | None
) -> None:
    command = commands[name]
    arguments = read_arguments(command, document)
    written = grammar.text(command, arguments)
    assert text is None or written == text
    parsed = grammar.parse(written, lambda _: True)
    assert parsed.command is command
    assert parsed.arguments == arguments


def test_json_arguments_are_converted_to_the_parameter_types(
    grammar: Grammar, commands: dict[str, Command]
) -> None:
    arguments = read_arguments(commands["execute"], {"script": "x", "targets": ["web"]})
    assert arguments["targets"] == (Reference("web"),)
    assert arguments["timeout"] == timedelta(seconds=60)
    arguments = read_arguments(commands["list instances"], {"since": "5m", "colour": "no"})
    assert arguments["since"] == timedelta(minutes=5)
    assert arguments["colour"] is False


@pytest.mark.parametrize(
    ("name", "document", "message", "details"),
    [
        ("show", {}, "show needs target", "target must be the name or id of an instance"),
        ("show", {"target": ""}, "That cannot be target of show", "target must be"),
        ("show", {"target": {"id": 1}}, "That cannot be target of show", "target must be"),
        ("show", {"target": ["a", "b"]}, "That cannot be target of show", "target must be"),
        ("stop", {"targets": []}, "stop needs targets", "targets must be"),
        ("stop", {"targets": [["a"]]}, "That cannot be targets of stop", "targets must be"),
        ("list instances", {"limit": 1.5}, "That cannot be limit", "limit must be a whole number"),
        ("list instances", {"limit": float("inf")}, "That cannot be limit", "whole number"),
        ("list instances", {"state": ["flying"]}, "That cannot be state", "pending, running"),
        ("show", {"target": "a", "confirm": True}, "show has no argument 'confirm'", "target"),
    ],
)
def test_the_error_names_the_invalid_argument(
    grammar: Grammar,
    commands: dict[str, Command],
    name: str,
    document: Any,
    message: str,
    details: str,
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read_arguments(commands[name], document)
    assert message in caught.value.message
    assert details in (caught.value.details or "")


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_arbitrary_json_is_refused_or_becomes_one_command(
    grammar: Grammar, commands: dict[str, Command], data: st.DataObject
) -> None:
    command = data.draw(st.sampled_from(list(commands.values())))
    names = st.sampled_from([item.name for item in command.parameters] or ["x"])
    document = data.draw(st.dictionaries(names, JSON))
    try:
        arguments = read_arguments(command, document)
    except ValidationFailed:
        return
    written = grammar.text(command, arguments)
    parsed = grammar.parse(written, lambda _: True)
    assert parsed.command is command
    assert parsed.arguments == arguments


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_arguments_that_the_schema_allows_are_accepted(
    grammar: Grammar, commands: dict[str, Command], data: st.DataObject
) -> None:
    command = commands["list instances"]
    document = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "state": st.lists(st.sampled_from(["pending", "running"]), min_size=1, max_size=2),
                "limit": st.integers(0, 10**9),
                "ratio": st.floats(0, 1),
                "since": st.sampled_from(["30s", "1h30m", "2d"]),
                "colour": st.booleans(),
            },
        )
    )
    jsonschema.validate(document, arguments_schema(command))
    arguments = read_arguments(command, document)
    assert {name: jsonable(arguments[name]) for name in document} == document
