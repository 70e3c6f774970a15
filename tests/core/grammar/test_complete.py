import pytest

from smartops import Command
from smartops.grammar import Grammar


def anyone(command: Command) -> bool:
    return True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "",
            [
                "announce",
                "check",
                "execute",
                "help",
                "list",
                "resize",
                "run",
                "show",
                "stop",
                "tag",
            ],
        ),
        ("s", ["show", "stop"]),
        ("SH", ["show"]),
        ("list", []),
        ("list ", ["instances"]),
        ("list in", ["instances"]),
        ("list instances --s", ["--since", "--size", "--state"]),
        ("list instances --state ", ["pending", "running", "stopped"]),
        ("list instances --state r", ["running"]),
        ("list instances --state=r", ["--state=running"]),
        ("list instances state=r", ["state=running"]),
        ("list instances --state running,st", ["running,stopped"]),
        ("list instances --platform linux --pl", []),
        ("list instances --state running --sta", ["--state"]),
        ("list instances --no", ["--no-colour"]),
        ("list instances --all-regions=", ["--all-regions=no", "--all-regions=yes"]),
        ("list instances --limit ", []),
        ("show ", ["instance"]),
        ("resize web-1 ", ["to", "--reason"]),
        ("resize web-1 to s", ["small"]),
        ("resize --target web-1 ", ["to", "--reason"]),
        ("stop web-1 ", ["--force"]),
        ("stop a b ", []),
        ("nonsense ", []),
        ('show "web', []),
        ("x" * 9000, []),
    ],
)
def test_completions_of_the_last_word(grammar: Grammar, text: str, words: list[str]) -> None:
    assert grammar.complete(text, anyone) == words


def test_only_permitted_commands_are_completed(grammar: Grammar) -> None:
    assert grammar.complete("s", lambda command: command.name == "stop") == ["stop"]
    assert grammar.complete("", lambda _: False) == []
