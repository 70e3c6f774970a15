from datetime import timedelta

import pytest

from smartops import Command, ValidationFailed
from smartops.grammar import Grammar, MissingArguments, Reference

Commands = dict[str, Command]


def test_what_was_asked_for_completes_the_call(grammar: Grammar, commands: Commands) -> None:
    known = {"script": "df  -h", "timeout": timedelta(seconds=5)}
    parsed = grammar.fill(commands["execute"], known, {"targets": " web-1, web 2\nweb-3 "})
    assert parsed.arguments == {
        "script": "df  -h",
        "targets": (Reference("web-1"), Reference("web 2"), Reference("web-3")),
        "timeout": timedelta(seconds=5),
        "note": "",
    }
    assert parsed.text == 'execute "df  -h" on web-1,"web 2",web-3 --timeout 5s'


def test_what_is_written_as_an_answer_is_never_read_as_a_command(
    grammar: Grammar, commands: Commands
) -> None:
    answer = 'x" on web-1 --timeout 1s'
    parsed = grammar.fill(
        commands["tag"], {"target": Reference("a"), "key": "k"}, {"value": answer}
    )
    assert parsed.arguments["value"] == answer
    assert parsed.arguments["note"] == ""


def test_an_answer_that_leaves_something_out_asks_on(grammar: Grammar, commands: Commands) -> None:
    with pytest.raises(MissingArguments) as caught:
        grammar.fill(commands["tag"], {"key": "k"}, {"value": "v", "target": "  ", "stray": "x"})
    assert [item.name for item in caught.value.missing] == ["target"]
    assert caught.value.arguments == {"key": "k", "value": "v"}


def test_an_answer_of_the_wrong_type_is_refused(grammar: Grammar, commands: Commands) -> None:
    with pytest.raises(ValidationFailed, match="'huge' cannot be size"):
        grammar.fill(commands["resize"], {"target": Reference("a")}, {"size": "huge"})
