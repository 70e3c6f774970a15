from datetime import timedelta

import pytest

from smartops import Command, ValidationFailed
from smartops.grammar import Grammar, MissingArguments, Reference

Commands = dict[str, Command]


def test_fill_completes_the_call(grammar: Grammar, commands: Commands) -> None:
    known = {"script": "df  -h", "timeout": timedelta(seconds=5)}
    parsed = grammar.fill(commands["execute"], known, {"targets": " web-1, web 2\nweb-3 "})
    assert parsed.arguments == {
        "script": "df  -h",
        "targets": (Reference("web-1"), Reference("web 2"), Reference("web-3")),
        "timeout": timedelta(seconds=5),
        "note": "",
    }
    assert parsed.text == 'execute "df  -h" on web-1,"web 2",web-3 --timeout 5s'


def test_filled_values_are_not_parsed_as_commands(grammar: Grammar, commands: Commands) -> None:
    answer = 'x" on web-1 --timeout 1s'
    parsed = grammar.fill(
        commands["tag"], {"target": Reference("a"), "key": "k"}, {"value": answer}
    )
    assert parsed.arguments["value"] == answer
    assert parsed.arguments["note"] == ""


def test_fill_with_missing_values_asks_for_the_rest(grammar: Grammar, commands: Commands) -> None:
    with pytest.raises(MissingArguments) as caught:
        grammar.fill(commands["tag"], {"key": "k"}, {"value": "v", "target": "  ", "stray": "x"})
    assert [item.name for item in caught.value.missing] == ["target"]
    assert caught.value.arguments == {"key": "k", "value": "v"}


def test_fill_with_a_value_of_the_wrong_type_is_refused(
    grammar: Grammar, commands: Commands
) -> None:
    with pytest.raises(ValidationFailed, match="'huge' cannot be size"):
        grammar.fill(commands["resize"], {"target": Reference("a")}, {"size": "huge"})
