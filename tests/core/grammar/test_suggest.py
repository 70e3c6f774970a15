from collections.abc import Callable

import pytest

from smartops import Command, nearness
from smartops.grammar import Grammar, ParseError, UnknownCommand


def anyone(command: Command) -> bool:
    return True


def suggested(
    grammar: Grammar, text: str, permitted: Callable[[Command], bool] = anyone
) -> list[str]:
    with pytest.raises(ParseError) as caught:
        grammar.parse(text, permitted)
    return list(caught.value.suggestions) if isinstance(caught.value, UnknownCommand) else []


@pytest.mark.parametrize(
    ("text", "suggestions"),
    [
        ("lst instances", ["list instances"]),
        ("listinstances", ["list instances"]),
        ("instances list", ["list instances"]),
        ("LIST INSTNACES", ["list instances"]),
        ("lsit instances state=running", ["list instances state=running"]),
        ("lsit instances stat=running", ["list instances"]),
        ("chek health web-1", ["check health web-1"]),
        ("exceute df -h on web-1", ["execute df -h on web-1"]),
        ('exceute "df  -h" on “web-1”', ['execute "df  -h" on "web-1"']),
        ("exceute df", ["execute"]),
        ("shw instance web-1", ["show instance web-1"]),
        ("stpo web-1", ["stop web-1"]),
        ("sto", ["stop"]),
        ("tagg web-1 a b", ["tag web-1 a b"]),
        ("restop web-1", []),
        ("stat web-1", []),
        ("list", ["list instances"]),
        ("check", ["check health"]),
        ("what is going on", []),
        ("", []),
        ("x" * 9000, []),
        ('lst instances "x', ["list instances"]),
    ],
)
def test_near_misses(grammar: Grammar, text: str, suggestions: list[str]) -> None:
    assert suggested(grammar, text) == suggestions


def test_only_permitted_commands_are_suggested(grammar: Grammar) -> None:
    def permitted(command: Command) -> bool:
        return command.name == "help"

    assert suggested(grammar, "lst instances", permitted) == []
    assert suggested(grammar, "hepl", permitted) == ["help"]


@pytest.fixture(params=["installed", "standard"])
def nearer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., object]:
    if request.param == "standard":
        monkeypatch.setattr(nearness, "_ratio", lambda: nearness.standard)
    return nearness.near


def test_nearness_is_the_same_with_and_without_rapidfuzz(nearer: Callable[..., object]) -> None:
    names = ["running", "stopped", "pending", "terminated"]
    assert nearer("runing", names) == ["running"]
    assert nearer("STOPED", names) == ["stopped"]
    assert nearer("xyz", names) == []
    assert nearer("", names) == []
    assert nearer("stop", ["stop", "step", "shop", "start"], 3) == ["stop", "step", "shop"]
