from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smartops import Command, Instance, ValidationFailed, command
from smartops.grammar import Grammar, Parsed, Reference, dump_arguments, load_arguments
from smartops.grammar.write import quoted

Commands = dict[str, Command]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("LIST  instances", "list instances"),
        ("list instances --limit 20 --colour size=small", "list instances"),
        ("list instances tag=A=b --state running", "list instances --state running --tag A=b"),
        ("list instances --state=running,stopped", "list instances --state running,stopped"),
        ("list instances --no-colour --all_regions", "list instances --all-regions --no-colour"),
        ("list instances --since 90m", "list instances --since 1h30m"),
        ("list instances --size 'EXTRA large'", 'list instances --size "extra large"'),
        ("list instances --tag=", "list instances --tag="),
        ("check health --target web-1", "check health web-1"),
        ("show instance web-1", "show web-1"),
        ('show "instance"', 'show "instance"'),
        ("show 'web 1'", 'show "web 1"'),
        ("stop web-1, web\u20112", "stop web-1,web-2"),
        ("stop tag:Env=prod", "stop tag:Env=prod"),
        ("run df -h on web-1", 'execute "df -h" on web-1'),
        ("execute uptime on web-1", "execute uptime on web-1"),
        ("execute 'echo \"x\"' on web-1", "execute 'echo \"x\"' on web-1"),
        ("tag web-1 a=b note", "tag web-1 a=b note"),
        ('tag web-1 "note=b" c', 'tag web-1 "note=b" c'),
        ('tag web-1 "--x" "on"', 'tag web-1 "--x" "on"'),
        ("help list instances", 'help "list instances"'),
        ("announce ops hello", "announce ops hello"),
        ("announce --loud ops hello", 'announce ops "hello" --loud'),
    ],
)
def test_canonical_text(parse: Callable[[str], Parsed], text: str, canonical: str) -> None:
    parsed = parse(text)
    assert parsed.text == canonical
    assert parse(canonical) == parsed


def test_arguments_are_restored_as_they_were_stored(
    grammar: Grammar, parse: Callable[[str], Parsed]
) -> None:
    texts = (
        "list instances",
        "list instances --since 90m --state running,stopped --size 'EXTRA large' --no-colour",
        "list instances --limit 3 --all-regions --tag=",
        "stop web-1,web-2 --force",
        "stop --targets=",
        """execute 'echo "x"' on web-1""",
    )
    for parsed in map(parse, texts):
        stored = dump_arguments(parsed.arguments)
        assert load_arguments(parsed.command, stored, by_id=False) == parsed.arguments


@pytest.mark.parametrize("stored", ['{"targets": ["i-1"]}', '{"targets": ["i-1"], "x": 1}', "{}"])
def test_arguments_of_another_version_are_refused_unless_they_fit(
    grammar: Grammar, commands: Commands, stored: str
) -> None:
    stop = commands["stop"]
    if "x" in stored or stored == "{}":
        with pytest.raises(ValidationFailed, match="stop has changed"):
            load_arguments(stop, stored, by_id=True)
        return
    found = load_arguments(stop, stored, by_id=True)
    assert found["targets"] == (Reference("i-1", by_id=True),)
    assert found.keys() == {item.name for item in stop.parameters}


def test_instances_are_written_by_id(grammar: Grammar, commands: Commands) -> None:
    machine = Instance("i-0abc", "web 1", "t3", "running", "linux")
    arguments = {"targets": [machine, Reference("web 2")], "force": True}
    assert grammar.text(commands["stop"], arguments) == 'stop i-0abc,"web 2" --force'


def test_omitted_arguments_have_their_defaults(grammar: Grammar, commands: Commands) -> None:
    assert grammar.text(commands["list instances"], {}) == "list instances"


def test_an_empty_list_of_targets_is_written_as_an_option(
    grammar: Grammar, commands: Commands, parse: Callable[[str], Parsed]
) -> None:
    text = grammar.text(commands["stop"], {"targets": ()})
    assert text == "stop --targets="
    assert parse(text).arguments["targets"] == ()


def test_a_default_that_the_phrase_requires_is_written() -> None:
    @command("paint {thing} {colour}", "paint {thing} red and {second}")
    async def paint(thing: str, colour: str = "red", second: str = "blue") -> str:
        """Paint."""
        return ""

    grammar = Grammar([paint])
    assert grammar.text(paint, {"thing": "wall"}) == 'paint wall "red"'
    text = grammar.text(paint, {"thing": "wall", "second": "green"})
    assert text == 'paint wall "red" --second green' or text == "paint wall red and green"
    assert grammar.parse(text, lambda _: True).arguments["second"] == "green"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"target": Reference("x"), "key": "k"},
        {"target": Reference("x"), "key": "k", "value": None},
        {"target": Reference("x"), "key": "k", "value": object()},
        {"target": Reference("x"), "key": "k", "value": "v", "note": None},
    ],
)
def test_values_without_a_text_form_are_refused(
    grammar: Grammar, commands: Commands, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"tag|value"):
        grammar.text(commands["tag"], arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ratio", float("inf")),
        ("ratio", float("nan")),
        ("since", timedelta(seconds=-1)),
        ("since", timedelta(days=40_000)),
    ],
)
def test_numbers_without_a_text_form_are_refused(
    grammar: Grammar, commands: Commands, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        grammar.text(commands["list instances"], {name: value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi"', "'say \"hi\"'"),
        ("it's", '"it\'s"'),
        ('it\'s "so"', '"it\'s \\"so\\""'),
        ("C:\\", "'C:\\'"),
        ("it's \\", "'it''s \\'"),
        ("`\"'\\", "'`\"''\\'"),
    ],
)
def test_the_quotation_mark_is_chosen_to_preserve_the_text(value: str, text: str) -> None:
    assert quoted(value) == text
