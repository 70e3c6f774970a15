from collections.abc import Callable
from typing import Any

import pytest

from smartops import Command, command
from smartops.errors import StartupError
from smartops.grammar import Grammar, ParseError, Reference


def made(*phrases: str, owner: str = "") -> Command:
    @command(*phrases)
    async def run(a: str = "", b: str = "", c: str = "", many: list[str] | None = None) -> str:
        """Do it."""
        return ""

    return run.owned(owner)


def problems(*commands: Command) -> list[str]:
    with pytest.raises(StartupError) as caught:
        Grammar(commands)
    return [str(problem) for problem in caught.value.problems]


def anyone(command: Command) -> bool:
    return True


@pytest.mark.parametrize(
    ("phrase", "complaint"),
    [
        ("do {d}", "{d} is no parameter of the function; it has a, b, c, many"),
        ("do {a} {a}", "a placeholder appears twice"),
        ("do [{a}", "a bracket is not closed"),
        ("do {a}]", "brackets come in pairs"),
        ("do [{a} [{b}]]", "not within each other"),
        ("do []", "is empty"),
        ("do {a", "braces come in pairs"),
        ("do a}", "braces come in pairs"),
        ("do {a...} {b}", "must be last or before a literal word"),
        ("do {a...} x {b...}", "at most one placeholder may be greedy"),
        ("do {many...}", "its parameter must be a plain str"),
        ("do x-{many}", "x-{many} takes one word of text, so its parameter must be a plain str"),
        ("do x-{a...}", "x-{a} takes one word of text"),
        ("x-{a} do", "begins with a literal word"),
        ("{a} do", "begins with a literal word"),
        ("[do] it", "begins with a literal word"),
        ("do --it", "cannot be a literal word"),
        ("do it's", "cannot be a literal word"),
        ("do x=y", "cannot be a literal word"),
        ("do [{a}] [{b}] [{c}] [x] [y]", "at most 4 optional parts"),
        ("  ", "is empty"),
    ],
)
def test_a_malformed_phrase_is_a_start_error(phrase: str, complaint: str) -> None:
    found = problems(made("fine", phrase, owner="mine"))
    assert len(found) == 1
    assert found[0].startswith(f"plugin mine: command 'fine': phrase {phrase!r}: ")
    assert complaint in found[0]


def test_all_problems_are_reported_together() -> None:
    assert len(problems(made("one", "one {x}"), made("two", "{a}"), made("one"))) == 3


def test_a_required_parameter_cannot_be_optional_in_the_phrase() -> None:
    @command("do [{it}]")
    async def do(it: str) -> str:
        """Do it."""
        return ""

    assert problems(do) == [
        "command 'do': phrase 'do [{it}]' lets it be left out, but it has no default; "
        "give the parameter a default, or take the brackets away"
    ]


@pytest.mark.parametrize("phrase", ["do {b}", "Do {a}", "do {b...}", "do [{a}]"])
def test_an_ambiguous_phrase_is_refused(phrase: str) -> None:
    assert problems(made("do [{a}]", phrase, owner="p")) == [
        f"plugin p: command 'do': phrase {phrase!r} cannot be distinguished from an earlier "
        "phrase; leave it out"
    ]


def test_options_with_equal_spellings_are_refused() -> None:
    @command("do")
    async def do(all: bool = False, no_all: bool = False) -> str:
        """Do it."""
        return ""

    assert problems(do) == [
        "command 'do': --no-all could mean all or no_all; rename one of the parameters"
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("show {a}", "show {b}"),
        ("show {a}", "show [x] {b}"),
        ("show", "Show"),
        ("show x-{a}", "show X-{b}"),
        ("show x-{a}", "show x-y-{b}"),
        ("show [{a}]", "show"),
        ("set {a} to {b}", "set {c} to {a}"),
        ("set x {a} y", "set x {b} Y"),
        ("set {a} on {b}", "set {a...} on {b}"),
        ("set {a...}", "set {b} {c}"),
        ("set {a...} on {b}", "set {b} {c...} on"),
        ("set {a} x", "set {b} X"),
        ("put {a} x {b}", "put {a} {b} x"),
        ("show", "show {a}"),
    ],
)
def test_commands_that_match_the_same_text_are_refused(one: str, two: str) -> None:
    found = [
        text
        for text in problems(made(one, owner="p"), made("other", two, owner="q"))
        if "can match" in text
    ]
    assert found == [
        f"plugin p and plugin q: {one!r} of command {made(one).name!r} (p) and {two!r} of command "
        "'other' (q) can match the same text; give one of them another literal word"
    ]


def test_phrases_are_distinguished_by_the_number_of_words() -> None:
    @command("paint", "show {colour} {size}")
    async def paint(colour: str = "", size: str = "") -> str:
        """Paint."""
        return ""

    grammar = Grammar([made("do", "show {a}"), paint])
    assert grammar.parse("show x", anyone).command.name == "do"
    assert grammar.parse("show x y", anyone).command.name == "paint"
    assert grammar.parse("show x --size y", anyone).command.name == "paint"
    assert grammar.parse("show --a x", anyone).command.name == "do"


@pytest.mark.parametrize(
    ("one", "two", "text", "name"),
    [
        ("show {a}", "show it {b}", "show it x", "show it"),
        ("show {a}", "show it {b}", "show x", "show"),
        ("show {a}", "show status", "show status", "show status"),
        ("show {a}", "show status", "show STATUS", "show status"),
        ("show {a}", "show status", 'show "status"', "show"),
        ("set {a} {b} {c}", "set big {b}", "set big x", "set big"),
        ("set {a} {b} {c}", "set big {b}", "set big x y", "set"),
        ("set {a...}", "set x {b}", "set x y", "set x"),
        ("set {a...}", "set x {b}", "set x y z", "set"),
        ("set x {a}", "set {a} y", "set x y", "set x"),
    ],
)
def test_the_most_literal_words_win(one: str, two: str, text: str, name: str) -> None:
    for order in ((made(one), made(two)), (made(two), made(one))):
        if made(one).name != made(two).name:
            assert Grammar(order).parse(text, anyone).command.name == name


def test_commands_of_one_name_are_refused() -> None:
    found = problems(made("set {a} x", owner="p"), made("set {a} y", owner="q"))
    assert found == [
        "plugin p and plugin q: two commands are called 'set'; begin one of them with another word"
    ]


@pytest.mark.parametrize(
    ("phrase", "text", "arguments"),
    [
        ("do [{a}] [{b}]", "do", {}),
        ("do [{a}] [{b}]", "do x", {"a": "x"}),
        ("do [{a}] [{b}]", "do x y", {"a": "x", "b": "y"}),
        ("do [{a}] [{b}]", "do --b y", {"b": "y"}),
        ("do [quickly] {a} [with {b}]", "do x", {"a": "x"}),
        ("do [quickly] {a} [with {b}]", "do quickly x", {"a": "x"}),
        ("do [quickly] {a} [with {b}]", "do x with y", {"a": "x", "b": "y"}),
        ("do [quickly] {a} [with {b}]", "do quickly x with y", {"a": "x", "b": "y"}),
        ("do {a...}", "do x y", {"a": "x y"}),
        ("do {a} {b...} to {c}", "do x y z to w", {"a": "x", "b": "y z", "c": "w"}),
        ("do {a} {b...} to the {c}", "do x y to the w", {"a": "x", "b": "y", "c": "w"}),
        ("do {a}now", "do x now", {"a": "x"}),
        ("do {many} now", "do x, y now", {"many": ("x", "y")}),
    ],
)
def test_forms_of_a_phrase(phrase: str, text: str, arguments: dict[str, str]) -> None:
    parsed = Grammar([made(phrase)]).parse(text, anyone)
    assert parsed.arguments == {"a": "", "b": "", "c": "", "many": None} | arguments


def test_exact_forms_of_a_command_win_over_greedy_ones() -> None:
    grammar = Grammar([made("do {a...}", "do {b} {c}")])
    assert grammar.parse("do x y", anyone).arguments["b"] == "x"
    assert grammar.parse("do x y z", anyone).arguments["a"] == "x y z"
    assert grammar.parse('do "x y"', anyone).arguments["a"] == "x y"


def test_literal_words_may_be_non_ascii() -> None:
    grammar = Grammar([made("zeige übersicht {a}")])
    assert grammar.parse("ZEIGE ÜBERSICHT x", anyone).arguments["a"] == "x"


def test_several_phrases_of_one_command(given: Callable[[str], dict[str, Any]]) -> None:
    for text in ("show web-1", "show instance web-1", "SHOW Instance web-1"):
        assert given(text) == {"target": Reference("web-1")}


@pytest.fixture
def prefixed() -> Grammar:
    @command("show job {job}", "show job-{job}")
    async def job(job: str) -> str:
        """Show a job."""
        return ""

    return Grammar([made("show {a}", "show thing {a}"), job])


@pytest.mark.parametrize(
    ("text", "name", "canonical"),
    [
        ("show job-1", "show job", "show job-1"),
        ("show JOB-1", "show job", "show JOB-1"),
        ("show job job-1", "show job", "show job-1"),
        ("show job other", "show job", "show job other"),
        ("show web-1", "show", "show web-1"),
        ("show thing job-1", "show", 'show "job-1"'),
        ('show "job-1"', "show", 'show "job-1"'),
        ("show --job x", "show job", "show job x"),
    ],
)
def test_a_placeholder_may_have_a_literal_prefix(
    prefixed: Grammar, text: str, name: str, canonical: str
) -> None:
    parsed = prefixed.parse(text, anyone)
    assert (parsed.command.name, parsed.text) == (name, canonical)
    again = prefixed.parse(canonical, anyone)
    assert (again.command, again.arguments, again.text) == (
        parsed.command,
        parsed.arguments,
        canonical,
    )


def test_a_value_without_the_literal_prefix_is_refused() -> None:
    item = made("show x-{a}")
    grammar = Grammar([item])
    assert grammar.text(item, {"a": "x-1"}) == "show x-1"
    for value in ("y-1", "x-1 2", ""):
        with pytest.raises(ValueError, match="no phrase can say this"):
            grammar.text(item, {"a": value})


def test_help_on_a_word_finds_the_command_that_takes_any_word(prefixed: Grammar) -> None:
    assert prefixed.help(anyone, "show").data == prefixed.help(anyone, "show thing").data


def test_the_missing_argument_is_of_the_command_that_takes_any_word(prefixed: Grammar) -> None:
    with pytest.raises(ParseError) as caught:
        prefixed.parse("show", anyone)
    assert caught.value.command is not None
    assert caught.value.command.name == "show"
    assert prefixed.complete("show jo", anyone) == ["job", "job-"]
