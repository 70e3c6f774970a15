# ruff: noqa: RUF001 -- these characters are test input
"""Hostile texts are parsed or refused in linear time."""

import gc
import sys
from collections.abc import Callable

import pytest

from smartops import Command
from smartops.grammar import Grammar, ParseError
from smartops.grammar.tokens import LIMIT

PATTERNS = {
    "one word": "a",
    "spaces": " ",
    "words": "a ",
    "double quotes": '"',
    "single quotes": "'",
    "backticks": "`",
    "curly quotes": "“",
    "mixed quotes": "\"'`“‘",
    "quoted words": '"a" ',
    "glued quotes": '"a"b ',
    "glued without spaces": '"a"b,',
    "quotes in a list": "'a',",
    "quotes after signs": 'a="b",',
    "escaped quotes": '\\"',
    "backslashes": "\\",
    "doubled quotes": "''a",
    "apostrophes": "a'",
    "commas": ",",
    "commas apart": ", ",
    "comma words": "a, ",
    "options": "--limit ",
    "unknown options": "--x ",
    "assignments": "limit=5 ",
    "lists": "--state=running ",
    "hyphens": "-",
    "long dashes": "—",
    "links": "<http://a|b>",
    "broken links": "<http://",
    "brackets": "[",
    "bracket links": "[a](http://b)",
    "broken bracket links": "[a](http://",
    "invisible": "\u200b",
    "invisible words": "a\u200b",
    "wide spaces": "\u3000",
    "combining": "e\u0301",
    "emoji": "👩‍💻",
    "right to left": "\u202eא",
    "literals": "on ",
    "equal signs": "=",
    "newlines": "\n",
    "controls": "\x1b[31m",
    "braces": "{target}",
}
STARTS = [
    "",
    "list instances ",
    "execute ",
    "execute x on ",
    "stop ",
    "tag w ",
    "announce ops ",
    "lst ",
]


def anyone(command: Command) -> bool:
    return True


def outcome(grammar: Grammar, text: str) -> str:
    try:
        return grammar.parse(text, anyone).command.name
    except ParseError as caught:
        error = caught
    assert error.details is None or len(error.details) < 1_000
    assert len(error.message) < 200
    return type(error).__name__


def steps(work: Callable[[], object]) -> int:
    """Return the number of profiler events of a call, those of C functions included."""
    count = 0

    def tick(*event: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    gc.disable()  # its callbacks would be counted
    sys.setprofile(tick)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_the_steps_of_parsing_are_linear_in_the_length(grammar: Grammar, pattern: str) -> None:
    for start in STARTS:
        text = (start + pattern * LIMIT)[:LIMIT]
        assert steps(lambda text=text: outcome(grammar, text)) < 40 * LIMIT  # type: ignore[misc]


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_hostile_endings_are_parsed_or_refused(grammar: Grammar, pattern: str) -> None:
    for start in STARTS:
        for ending in ("", '"', "'", "“", " on web-1", ' " on web-1', "\\", " --", ","):
            outcome(grammar, f"{start}{pattern * 40}{ending}")


@pytest.mark.parametrize("length", [LIMIT + 1, 100_000, 1_000_000])
def test_a_text_above_the_limit_is_refused_without_parsing(grammar: Grammar, length: int) -> None:
    text = "execute 'x" + "y" * (length - 10)
    with pytest.raises(ParseError, match="too long") as caught:
        grammar.parse(text, anyone)
    assert caught.value.details is None
    assert steps(lambda: outcome(grammar, text)) < 40


def test_a_canonical_text_above_the_limit_is_refused(grammar: Grammar) -> None:
    script = ("a\"'" * LIMIT)[: LIMIT - 40]
    with pytest.raises(ParseError, match="too long"):
        grammar.parse(f"execute x{script} on web-1", anyone)


def test_the_steps_of_parsing_do_not_grow_with_the_number_of_commands(
    grammar: Grammar, commands: dict[str, Command]
) -> None:
    more = [
        Command(f"verb{i} noun", (f"verb{i} noun", f"list noun{i} now"), anyone, "Do.", (), {})
        for i in range(1_000)
    ]
    larger = Grammar([*commands.values(), *more])
    for text in ("list instances", "run df -h on web-1", "show instance web-1", "stop"):
        assert steps(lambda text=text: outcome(larger, text)) == steps(  # type: ignore[misc]
            lambda text=text: outcome(grammar, text)  # type: ignore[misc]
        )
