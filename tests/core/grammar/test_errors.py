from collections.abc import Callable

import pytest

from smartops import Command, ValidationFailed
from smartops.grammar import MissingArguments, NotPermitted, ParseError, UnknownCommand
from smartops.grammar.errors import point

Fault = Callable[..., ParseError]


def nobody(command: Command) -> bool:
    return False


def only(*names: str) -> Callable[[Command], bool]:
    return lambda command: command.name in names


@pytest.mark.parametrize(
    ("text", "message", "details"),
    [
        (
            "list instnaces --limit 5",
            'No command matches "list instnaces --limit 5".',
            "list instnaces --limit 5\n     ^^^^^^^^^\nDid you mean: list instances --limit 5?",
        ),
        (
            "stpo web-01",
            'No command matches "stpo web-01".',
            "stpo web-01\n^^^^\nDid you mean: stop web-01?",
        ),
        (
            "make coffee",
            'No command matches "make coffee".',
            'make coffee\n^^^^\nSay "help" to see what you can do.',
        ),
        (
            "check",
            '"check" is the beginning of a command, but not all of it.',
            "check\n     ^\nDid you mean: check health?",
        ),
        (
            "stop",
            '"stop" needs TARGETS',
            "stop\n"
            "    ^\n"
            "TARGETS: names or ids of instances, or tag:KEY=VALUE, with commas between.\n"
            "Usage: stop TARGETS",
        ),
        (
            "execute df -h",
            '"execute" needs "on TARGETS"',
            "execute df -h\n"
            "             ^\n"
            "TARGETS: names or ids of instances, or tag:KEY=VALUE, with commas between.\n"
            "Usage: execute SCRIPT on TARGETS\n"
            'Example: execute "df -h" on web-server-01',
        ),
        (
            "resize web-1 to small",
            '"resize" needs --reason',
            "resize web-1 to small\n"
            "                     ^\n"
            "REASON: text.\n"
            "Usage: resize TARGET to SIZE --reason REASON",
        ),
        (
            "list instances --staet running",
            '"--staet" is not an option of "list instances"',
            "list instances --staet running\n"
            "               ^^^^^^^\n"
            "Did you mean --state? Its options are --state, --tag, --name, --platform, --size, "
            "--limit, --ratio, --since, --all-regions, --colour.",
        ),
        (
            "list instances staet=running",
            'Unexpected argument "staet=running"',
            "list instances staet=running\n"
            "               ^^^^^^^^^^^^^\n"
            "Did you mean state=running? Usage: list instances",
        ),
        (
            "list instances -limit 5",
            'Unexpected argument "-limit"',
            "list instances -limit 5\n"
            "               ^^^^^^\n"
            "Did you mean --limit? Usage: list instances",
        ),
        (
            "stop web-1 web-2",
            'Unexpected argument "web-2"',
            "stop web-1 web-2\n"
            "           ^^^^^\n"
            "Put commas between several values. Usage: stop TARGETS",
        ),
        (
            "tag web-1 Owner Platform team",
            'Unexpected argument "team"',
            "tag web-1 Owner Platform team\n"
            "                         ^^^^\n"
            "Put quotes round VALUE if it has several words. Usage: tag TARGET KEY VALUE",
        ),
        (
            'execute "df -h" in web-1',
            'Unexpected argument "in": "on" is expected',
            'execute "df -h" in web-1\n                ^^\nUsage: execute SCRIPT on TARGETS',
        ),
        (
            "list instances --state running,stoped",
            'state must be one of pending, running, stopped, not "stoped"',
            "list instances --state running,stoped\n"
            "                               ^^^^^^\n"
            "Did you mean stopped?",
        ),
        (
            "list instances --limit=five",
            'limit must be a whole number, not "five"',
            "list instances --limit=five\n                       ^^^^",
        ),
        (
            "list instances --limit --colour",
            "--limit needs a value",
            "list instances --limit --colour\n"
            "               ^^^^^^^\n"
            "Write --limit LIMIT: a whole number.",
        ),
        (
            "list instances --no-colour=no",
            "--no-colour takes no value",
            "list instances --no-colour=no\n"
            "               ^^^^^^^^^^^^^^\n"
            "Write --no-colour, or --colour=yes.",
        ),
        (
            "list instances --limit 5 limit=6",
            "limit is given twice",
            "list instances --limit 5 limit=6\n                         ^^^^^^^\nGive it once.",
        ),
        (
            "stop web-1,,web-2",
            "A value of targets is missing beside a comma",
            "stop web-1,,web-2\n"
            "     ^^^^^^^^^^^^\n"
            "Write names or ids of instances, or tag:KEY=VALUE, with commas between.",
        ),
        (
            'show "web 1',
            "The quote that opens here is never closed",
            'show "web 1\n     ^\nClose it, or put the other kind of quote mark round the text.',
        ),
        (
            'execute "dir C:\\" on web-1',
            "The quote that opens here is never closed",
            'execute "dir C:\\" on web-1\n'
            "        ^\n"
            "Close it, or put the other kind of quote mark round the text. Inside double quotes, "
            '\\" is a quote mark of the text and closes nothing.',
        ),
        (
            'show "web"1',
            "The quoted text ends here, and more text touches it",
            'show "web"1\n'
            "          ^\n"
            "Put a space after the closing quote mark. If the mark belongs to the text, "
            "put the other kind of quote mark round the whole.",
        ),
        (
            'execute "echo "hi" there" on web-1',
            "The quoted text ends here, and more text touches it",
            'execute "echo "hi" there" on web-1\n'
            "               ^^^\n"
            "Put a space after the closing quote mark. If the mark belongs to the text, "
            "put the other kind of quote mark round the whole.",
        ),
    ],
)
def test_error_messages(fault: Fault, text: str, message: str, details: str) -> None:
    error = fault(text)
    assert error.message == message
    assert error.details == details


def test_an_error_is_a_validation_error_of_the_wire_contract(fault: Fault) -> None:
    error = fault("stop")
    assert isinstance(error, ValidationFailed)
    assert (error.code, error.status) == ("VALIDATION_ERROR", 400)
    assert error.details == f"{error.excerpt}\n{error.hint}"


def test_an_empty_message_is_an_error(fault: Fault) -> None:
    assert fault(" \n ").message == "The message is empty"


@pytest.mark.parametrize("text", ["stop", "execute x", "list instances --limit x", 'show "x'])
def test_errors_of_a_denied_command_reveal_nothing_about_it(fault: Fault, text: str) -> None:
    error = fault(text, nobody)
    assert isinstance(error, NotPermitted)
    assert not isinstance(error, UnknownCommand | MissingArguments)
    assert error.command is not None
    assert error.message == "You may not run this command"
    assert error.details is None


@pytest.mark.parametrize(
    "text",
    [
        "list instances foo",
        "show a b",
        "lst instances",
        "list",
        "stop web-1 web-2",
        "stpo x",
        "check",
    ],
)
def test_errors_name_no_denied_commands(fault: Fault, text: str) -> None:
    error = fault(text, nobody)
    assert type(error) is UnknownCommand
    assert error.suggestions == ()
    assert error.command is None
    assert error.hint == ""
    assert error.message == f'No command matches "{text}".'
    assert error.place == (0, len(text.split(maxsplit=1)[0]))


def test_suggestions_in_errors_are_permitted_commands(fault: Fault) -> None:
    error = fault("shop web-1", only("show"))
    assert isinstance(error, UnknownCommand)
    assert error.suggestions == ("show web-1",)
    assert "stop" not in (error.details or "")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("list instances --stat running", "list instances --state running"),
        ("list instances --state runing", "list instances --state running"),
        ("list instances state=running --limt 3", "list instances state=running --limit 3"),
        ("lst instances", "list instances"),
    ],
)
def test_a_near_miss_is_suggested_as_a_whole_command(fault: Fault, text: str, meant: str) -> None:
    assert fault(text).suggestions == (meant,)


def test_a_pipe_is_explained(fault: Fault) -> None:
    assert fault("check health | grep critical").hint.startswith("This is no shell")


def test_the_caret_reveals_no_denied_commands(fault: Fault) -> None:
    assert fault("check helth", only("stop")).place == (0, 5)
    assert fault("check helth", only("check health")).place == (6, 11)


def test_the_error_is_about_the_most_literal_form(fault: Fault) -> None:
    assert "Usage: show instance TARGET" in (fault("show instance").details or "")


def lines(text: str, place: tuple[int, int]) -> list[str]:
    return point(text, place).split("\n")


def test_carets_are_aligned_below_wide_and_combining_characters() -> None:
    text = "zeige 東京 cafe\u0301 hier"
    assert lines(text, (15, 19)) == [text, " " * 16 + "^^^^"]
    assert lines(text, (6, 8))[1] == " " * 6 + "^^^^"


def test_only_the_line_with_the_error_is_shown() -> None:
    assert lines("one\ntwo three\nfour", (8, 13)) == ["two three", "    ^^^^^"]
    assert lines("one\ntwo", (1, 6)) == ["one", " ^^"]


def test_a_long_text_is_shortened_around_the_error() -> None:
    shown, carets = lines("x" * 4000 + " bad " + "y" * 4000, (4001, 4004))
    assert len(shown) < 130
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert shown[carets.index("^") : len(carets)] == "bad"


def test_a_long_error_span_is_marked_at_its_beginning() -> None:
    shown, carets = lines("a " + "b" * 5000, (2, 5002))
    assert carets == "  " + "^" * 40
    assert len(shown) < 130


def test_invisible_characters_are_shown_as_spaces() -> None:
    assert lines("a\tb\u200bc\u202ed\x1b[31m e", (12, 13)) == ["a b c d [31m e", " " * 12 + "^"]


def test_messages_are_short_and_without_control_characters(fault: Fault) -> None:
    error = fault("dance \x1b[31m\u202e " + "z" * 500)
    assert error.message.isprintable()
    assert len(error.message) < 100
