# ruff: noqa: RUF001 -- these characters are test input
"""Properties that hold for any text."""

import string
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smartops import Command, Instance
from smartops.errors import StartupError
from smartops.grammar import (
    Grammar,
    MissingArguments,
    NotPermitted,
    Parsed,
    ParseError,
    Reference,
    UnknownCommand,
    incomplete,
)
from smartops.parameter import Parameter

MARKS = "\"'`“”„‘’‚"
NASTY = [
    *MARKS,
    *"\\,=:<>[](){}|-–— \t\n\u00a0\u200b\u202e",
    *(
        "--",
        "--limit",
        "--state=",
        "--no-",
        "tag:",
        "on",
        "to",
        "list",
        "instances",
        "stop",
        "a",
        "é",
    ),
    *("<http://a.b|a.b>", "[x](http://y)", "execute", "announce", "help", '\\"', "''", "5", "1h"),
]

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)
nasty = st.lists(st.sampled_from(NASTY), max_size=12).map("".join)
values = st.one_of(texts, nasty, st.sampled_from(["on", "to", "instance", "INSTANCES", "note=x"]))
names = values.filter(str.strip)

BY_TYPE: dict[type, st.SearchStrategy[Any]] = {
    str: values,
    int: st.integers(-(10**17), 10**17),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    timedelta: st.timedeltas(timedelta(0), timedelta(days=36_499)),
    Instance: names.map(Reference),
}


def anyone(command: Command) -> bool:
    return True


def of(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.type in BY_TYPE:
        single = (
            st.sampled_from(parameter.choices) if parameter.choices else BY_TYPE[parameter.type]
        )
    else:
        single = st.sampled_from(list(parameter.type))  # type: ignore[call-overload]
    return st.lists(single, max_size=3).map(tuple) if parameter.many else single


def filled(command: Command) -> st.SearchStrategy[dict[str, Any]]:
    needed = {item.name: of(item) for item in command.parameters if item.required}
    others = {item.name: of(item) for item in command.parameters if not item.required}
    return st.fixed_dictionaries(needed, optional=others)


def whole(command: Command, arguments: dict[str, Any]) -> dict[str, Any]:
    return {item.name: arguments.get(item.name, item.default) for item in command.parameters}


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_canonical_text_parses_to_the_same_call(
    grammar: Grammar, commands: dict[str, Command], data: st.DataObject
) -> None:
    command = data.draw(st.sampled_from(list(commands.values())))
    arguments = data.draw(filled(command))
    text = grammar.text(command, arguments)
    parsed = grammar.parse(text, anyone)
    assert parsed.command is command
    assert parsed.arguments == whole(command, arguments)
    assert parsed.text == text


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_incomplete_canonical_text_parses_to_the_same_missing_arguments(
    grammar: Grammar, commands: dict[str, Command], data: st.DataObject
) -> None:
    needing = [item for item in commands.values() if any(p.required for p in item.parameters)]
    command = data.draw(st.sampled_from(needing))
    arguments = data.draw(filled(command))
    required = [item.name for item in command.parameters if item.required]
    left_out = data.draw(st.sets(st.sampled_from(required), min_size=1))
    known = {name: value for name, value in arguments.items() if name not in left_out}
    with pytest.raises(MissingArguments) as caught:
        grammar.parse(incomplete(command, known), anyone)
    assert caught.value.wanted is command
    assert {item.name for item in caught.value.missing} == left_out
    assert whole(command, caught.value.arguments) == whole(command, known)


def parameter(name: str) -> Parameter:
    if name in "xyz":
        return Parameter(name, str, required=False, default="")
    return Parameter(name, str, required=False, default=(), many=True)


parts = st.sampled_from(
    ["a", "b", "c", "{x}", "{y}", "{z}", "{m}", "[{x}]", "[{y}]", "[a]", "[b {z}]"]
)
greedy = st.sampled_from(
    ["{m} {z...}", "{x...}", "{y...} a", "{z...} b {m}", "[{x...}]", "[a {z...}]"]
)
phrases = st.builds(
    lambda first, rest, last: " ".join([first, *rest, *last]),
    st.sampled_from("abc"),
    st.lists(parts, max_size=3),
    st.lists(greedy, max_size=1),
)


@st.composite
def grammars(draw: st.DrawFn) -> Grammar:
    made = []
    for number, group in enumerate(
        draw(st.lists(st.lists(phrases, min_size=1, max_size=3), max_size=4))
    ):
        made.append(
            Command(
                name=f"command {number}",
                phrases=tuple(group),
                handler=draw,
                help="Do it.",
                parameters=tuple(map(parameter, "xyzm")),
                wants={},
            )
        )
    try:
        return Grammar(made)
    except StartupError:
        assume(False)
        raise


words = st.sampled_from(["a", "b", "c", "A", "x=1", "--x", "w", "v w", "a b", "", ",", '"', "'a'"])


@given(grammar=grammars(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_canonical_text_parses_to_the_same_call_in_any_grammar(
    grammar: Grammar, data: st.DataObject
) -> None:
    assume(grammar.commands)
    command = data.draw(st.sampled_from(grammar.commands))
    arguments = {name: data.draw(words) for name in "xyz"}
    arguments["m"] = data.draw(st.lists(words, max_size=2).map(tuple))
    parsed = grammar.parse(grammar.text(command, arguments), anyone)
    assert parsed.command is command
    assert parsed.arguments == arguments


@given(grammar=grammars(), said=st.lists(st.sampled_from("abcvw"), max_size=6).map(" ".join))
@settings(deadline=None, max_examples=100)
def test_parsed_text_has_a_canonical_text_in_any_grammar(grammar: Grammar, said: str) -> None:
    try:
        parsed = grammar.parse(said, anyone)
    except ParseError:
        return
    assert grammar.parse(parsed.text, anyone) == parsed


def checked(
    grammar: Grammar, text: str, permitted: Callable[[Command], bool]
) -> Parsed | ParseError:
    """Return the result of parsing, or the ParseError."""
    try:
        return grammar.parse(text, permitted)
    except ParseError as caught:
        error = caught
    assert error.message
    assert error.status == 400
    return error


beginnings = st.sampled_from(
    [
        "",
        "list instances ",
        "execute ",
        "stop ",
        "tag web ",
        "announce ops ",
        "run 'x' on ",
        "show ",
    ]
)


@given(start=beginnings, rest=st.one_of(nasty, st.text(max_size=60)))
@settings(deadline=None, max_examples=150)
def test_any_text_is_parsed_or_refused(grammar: Grammar, start: str, rest: str) -> None:
    outcome = checked(grammar, start + rest, anyone)
    if isinstance(outcome, Parsed):
        assert grammar.parse(outcome.text, anyone) == outcome

    for word in grammar.complete(start + rest, anyone):
        assert word


@given(start=beginnings, rest=nasty)
@settings(deadline=None, max_examples=200)
def test_denied_commands_are_not_revealed(grammar: Grammar, start: str, rest: str) -> None:
    outcome = checked(grammar, start + rest, lambda _: False)
    if isinstance(outcome, NotPermitted):
        assert outcome.details is None
    elif isinstance(outcome, UnknownCommand):
        assert outcome.command is None
        assert outcome.suggestions == ()
        assert "Usage" not in outcome.hint


@given(content=st.one_of(texts, nasty), mark=st.sampled_from(["''", '""', "``", "“”", "‘’", "„“"]))
@settings(deadline=None, max_examples=100)
def test_quoted_content_is_parsed_verbatim(grammar: Grammar, content: str, mark: str) -> None:
    opening, closing = mark
    assume(not set(content) & set(MARKS))
    assume(not content.endswith("\\"))
    text = f"execute {opening}{content}{closing} on web-1"
    assert grammar.parse(text, anyone).arguments["script"] == content
    text = f"tag web-1 {opening}{content}{closing} x"
    assert grammar.parse(text, anyone).arguments["key"] == content


shell = st.text(
    string.ascii_letters + string.digits + " \t\n|&;$(){}*?!/.-_=<>#%@~^+\\", min_size=1
)


@given(script=shell)
@settings(deadline=None, max_examples=100)
def test_an_unquoted_script_is_parsed_verbatim(grammar: Grammar, script: str) -> None:
    script = script.strip()
    assume(script and not script.startswith("--"))
    assume("<http" not in script and "<mailto:" not in script and "<tel:" not in script)
    parsed = grammar.parse(f"execute {script} on web-1", anyone)
    assert parsed.arguments["script"] == script
