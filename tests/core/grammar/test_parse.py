# ruff: noqa: RUF001 -- these characters are test input

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smartops import Command
from smartops.grammar import (
    Grammar,
    MissingArguments,
    Parsed,
    ParseError,
    Reference,
    UnknownCommand,
)

Given = Callable[[str], dict[str, Any]]
Fault = Callable[..., ParseError]


def refs(*texts: str) -> tuple[Reference, ...]:
    return tuple(map(Reference, texts))


def test_the_examples_of_the_wire_contract(given: Given) -> None:
    assert given("list instances") == {}
    assert given("check health i-0abc123def") == {"target": Reference("i-0abc123def")}
    assert given('execute "df -h" on web-server-01') == {
        "script": "df -h",
        "targets": refs("web-server-01"),
    }


def test_arguments_contain_every_parameter(parse: Callable[[str], Parsed]) -> None:
    parsed = parse("stop web-1")
    assert parsed.arguments == {"targets": refs("web-1"), "force": False}
    assert list(parsed.arguments) == ["targets", "force"]


@pytest.mark.parametrize("text", ["LIST INSTANCES", "List\u00a0Instances", " list  instances\n"])
def test_literal_words_match_ignoring_case_and_spaces(given: Given, text: str) -> None:
    assert given(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "list instances --since 30s",
        "list instances --since=30s",
        "list instances since=30s",
        "list instances SINCE=30s",
        "list instances --Since 30S",
        "list instances —since 30s",
        "list instances –since=30s",
        'list instances --since "30s"',
        "list instances --since='30s'",
        "list instances since=“30s”",
        "list instances\u2003--since\u00a030s",
    ],
)
def test_every_spelling_of_an_option(given: Given, text: str) -> None:
    assert given(text) == {"since": timedelta(seconds=30)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("--all-regions", True),
        ("--all_regions", True),
        ("--all-regions=yes", True),
        ("all_regions=on", True),
        ("all-regions=TRUE", True),
        ("--all-regions=no", False),
        ("--no-all-regions", False),
        ("all-regions=off", False),
        ("all-regions=false", False),
    ],
)
def test_flags(parse: Callable[[str], Parsed], text: str, value: bool) -> None:
    assert parse(f"list instances {text}").arguments["all_regions"] is value


def test_a_flag_that_is_on_by_default_can_be_turned_off(given: Given) -> None:
    assert given("list instances --no-colour") == {"colour": False}


@pytest.mark.parametrize(
    "text",
    [
        "list instances --state running,stopped",
        "list instances --state running, stopped",
        "list instances --state running ,stopped",
        "list instances --state running , stopped",
        "list instances --state running --state stopped",
        "list instances state=running state=stopped",
        "list instances --state=running, stopped",
        'list instances --state "running","stopped"',
        "list instances --state RUNNING,Stopped",
    ],
)
def test_every_spelling_of_a_list(given: Given, text: str) -> None:
    assert given(text) == {"state": ("running", "stopped")}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("stop web-01,web-02", ("web-01", "web-02")),
        ("stop web-01, web-02 ,web-03", ("web-01", "web-02", "web-03")),
        ("stop web-01, web-02 --force", ("web-01", "web-02")),
        ("stop --force web-01, web-02", ("web-01", "web-02")),
        ("stop --targets web-01,web-02", ("web-01", "web-02")),
        ("stop tag:Env=prod", ("tag:Env=prod",)),
        ('stop "tag:Name=web 1",x', ("tag:Name=web 1", "x")),
        ('stop tag:Name="web, 1",x', ("tag:Name=web, 1", "x")),
        ("stop <http://web-1.x.com|web-1.x.com>, [y.com](http://y.com)", ("web-1.x.com", "y.com")),
        ("stop web‑01\u200b,\u00a0web–02", ("web-01", "web-02")),
    ],
)
def test_targets(given: Given, text: str, targets: tuple[str, ...]) -> None:
    assert given(text)["targets"] == refs(*targets)


def test_a_list_option_accepts_values_with_equal_signs(given: Given) -> None:
    text = 'list instances --tag Environment=production tag=Tier=2 --tag "Owner=Platform team"'
    assert given(text) == {"tag": ("Environment=production", "Tier=2", "Owner=Platform team")}
    assert given("list instances --name web-* name=db-?") == {"name": ("web-*", "db-?")}


def test_an_empty_list_can_be_given(parse: Callable[[str], Parsed]) -> None:
    assert parse("list instances --tag=").arguments["tag"] == ()
    assert parse('list instances --tag ""').arguments["tag"] == ("",)


def test_only_options_may_have_an_equal_sign(given: Given) -> None:
    assert given("tag web-1 key=x value=y note=z") == {
        "target": Reference("web-1"),
        "key": "key=x",
        "value": "value=y",
        "note": "z",
    }
    assert given("tag web-1 timeout:30s x")["key"] == "timeout:30s"


def test_placeholders_can_be_given_as_options(given: Given) -> None:
    expected = {"target": Reference("w"), "key": "k", "value": "v"}
    for text in (
        "tag w k v",
        "tag w k --value v",
        "tag --key k w v",
        "tag --target w --key k --value v",
    ):
        assert given(text) == expected


def test_literals_between_placeholders_given_as_options_are_optional(given: Given) -> None:
    expected = {"script": "df -h", "targets": refs("a", "b")}
    assert given('execute --script "df -h" --targets a,b') == expected
    assert given('execute --targets a,b --script "df -h" on') == expected
    assert set(given("resize --size 'extra large' --target x --reason y")) == {
        "target",
        "size",
        "reason",
    }


def test_after_two_hyphens_everything_is_a_word(given: Given) -> None:
    assert given("tag web-1 -- --key note=x")["key"] == "--key"
    assert given("tag web-1 -- --key note=x")["value"] == "note=x"
    assert given("execute -- --weird on web-1")["script"] == "--weird"


def test_quoted_words_are_always_values(given: Given, fault: Fault) -> None:
    assert given('tag "web-1" "--key" "note=x"')["key"] == "--key"
    assert isinstance(fault('"list" instances'), UnknownCommand)
    assert given('show "instance"') == {"target": Reference("instance")}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("execute df -h on web-1", "df -h"),
        ('execute "df -h" on web-1', "df -h"),
        ("execute “df -h” on web-1", "df -h"),
        ("execute 'df -h' on web-1", "df -h"),
        ("execute `df -h` on web-1", "df -h"),
        ("run df   -h\n/tmp on web-1", "df   -h\n/tmp"),
        ("execute echo on the table on web-1", "echo on the table"),
        ('execute "echo on" on web-1', "echo on"),
        ('execute "a b" "c d" on web-1', '"a b" "c d"'),
        ("execute awk '{print $1}' f | sort -u on web-1", "awk '{print $1}' f | sort -u"),
        ("execute ls --timeout 3 --all on web-1", "ls --timeout 3 --all"),
        ("execute TIMEOUT=3 timeout=4 ./x on web-1", "TIMEOUT=3 timeout=4 ./x"),
        ('execute echo "a";echo "b"|wc on web-1', 'echo "a";echo "b"|wc'),
        ("execute echo it's on web-1", "echo it's"),
        ("execute df —h on web-1", "df --h"),
        ("execute ping <http://a.b|a.b> on web-1", "ping a.b"),
        ('execute "ping <http://a.b|a.b>" on web-1', "ping <http://a.b|a.b>"),
        ('execute "" on web-1', ""),
        (r'execute "echo \"hi\"" on web-1', 'echo "hi"'),
        ("EXECUTE on ON web-1", "on"),
        ('execute -- "a b" on web-1', "a b"),
    ],
)
def test_scripts_are_parsed_verbatim(given: Given, text: str, script: str) -> None:
    found = given(text)
    assert found["script"] == script
    assert found["targets"] == refs("web-1")


@pytest.mark.parametrize(
    "text",
    [
        "execute ls -l on web-1, web-2 --timeout 5s",
        "execute ls -l on web-1,web-2 timeout=5s",
        "execute --timeout 5s ls -l on web-1, web-2",
        "execute --timeout=5s 'ls -l' on web-1,web-2",
        "execute ls -l on --timeout 5s web-1,web-2",
        'execute --script "ls -l" on web-1,web-2 --timeout 5s',
    ],
)
def test_options_are_allowed_before_and_after_a_script(given: Given, text: str) -> None:
    assert given(text) == {
        "script": "ls -l",
        "targets": refs("web-1", "web-2"),
        "timeout": timedelta(seconds=5),
    }


@pytest.mark.parametrize(
    ("text", "message", "loud"),
    [
        ("announce ops the web is down", "the web is down", False),
        ("announce ops  the  'web'  is --loud", "the  'web'  is --loud", False),
        ("announce ops --loud the web", "the web", True),
        ("announce --loud ops the web", "the web", True),
        ('announce ops "the web" --loud', "the web", True),
        ('announce ops "the web" --quiet', '"the web" --quiet', False),
        ('announce ops "the" web', '"the" web', False),
        ('announce ops "the web"', "the web", False),
    ],
)
def test_a_greedy_placeholder_at_the_end(given: Given, text: str, message: str, loud: bool) -> None:
    found = given(text)
    assert found["message"] == message
    assert found.get("loud", False) is loud


def test_an_option_value_is_not_matched_as_a_literal(given: Given) -> None:
    assert given("resize web-1 to small --reason to")["reason"] == "to"
    assert given("execute df -h on web-1 --note on") == {
        "script": "df -h",
        "targets": refs("web-1"),
        "note": "on",
    }


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("--limit 5", "limit", 5),
        ("--limit=-5", "limit", -5),
        ("--limit −5", "limit", -5),
        ("--limit +5", "limit", 5),
        ("--ratio 1", "ratio", 1.0),
        ("--ratio .5", "ratio", 0.5),
        ("--ratio -1.5e3", "ratio", -1500.0),
        ("--since 1h30m", "since", timedelta(minutes=90)),
        ("--since 2d", "since", timedelta(days=2)),
        ("--since 1.5s", "since", timedelta(seconds=1.5)),
        ("--since 250ms", "since", timedelta(milliseconds=250)),
        ("--platform Linux", "platform", "linux"),
    ],
)
def test_values_are_converted_to_their_types(
    given: Given, text: str, name: str, value: object
) -> None:
    found = given(f"list instances {text}")
    assert found == {name: value}
    assert type(found[name]) is type(value)


def test_an_enum_becomes_its_member(parse: Callable[[str], Parsed]) -> None:
    parsed = parse('resize web-1 to "Extra Large" --reason growth')
    assert parsed.arguments["size"].value == "extra large"
    assert parsed.arguments["size"].name == "LARGE"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("--limit five", "five"),
        ("--limit 1.5", "1.5"),
        ("--limit 1_000", "1_000"),
        ("--limit ٣", "٣"),
        ("--limit 1234567890123456789", "1234567890123456789"),
        ('--limit ""', '""'),
        ("--ratio nan", "nan"),
        ("--ratio inf", "inf"),
        ("--ratio 1e999", "1e999"),
        ("--ratio 0x10", "0x10"),
        ("--since 30", "30"),
        ("--since -30s", "-30s"),
        ("--since 999999999d", "999999999d"),
        ("--platform beos", "beos"),
        ("--state running,runing", "runing"),
        ("--all-regions=perhaps", "perhaps"),
        ("--size big", "big"),
    ],
)
def test_the_error_points_at_a_value_of_the_wrong_type(fault: Fault, text: str, wrong: str) -> None:
    text = f"list instances {text}"
    error = fault(text)
    assert error.place is not None
    start, end = error.place
    assert text[start:end] == wrong
    assert "must be" in error.message


def test_missing_arguments_contain_the_known_values(
    fault: Fault, commands: dict[str, Command]
) -> None:
    error = fault("tag web-1 Env --note hi")
    assert isinstance(error, MissingArguments)
    assert error.command is commands["tag"]
    assert [item.name for item in error.missing] == ["value"]
    assert error.arguments == {"note": "hi", "target": Reference("web-1"), "key": "Env"}


def test_all_missing_arguments_are_reported_together(fault: Fault) -> None:
    error = fault("resize web-1")
    assert isinstance(error, MissingArguments)
    assert [item.name for item in error.missing] == ["size", "reason"]
    assert error.message == '"resize" needs "to SIZE" and --reason'


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "\u200b", "list", "instances", "lst instances", "why is it slow?", "it's me"],
)
def test_unknown_commands(fault: Fault, text: str) -> None:
    error = fault(text)
    assert type(error) is (UnknownCommand if text.strip(" \n\u200b") else ParseError)


@pytest.mark.parametrize(
    "text", ["show me the slow ones", "list instances foo", 'execute "x" in web', "stop a b"]
)
def test_text_that_no_phrase_matches_can_be_interpreted(fault: Fault, text: str) -> None:
    error = fault(text)
    assert isinstance(error, UnknownCommand)
    assert error.command is not None


def test_a_more_specific_error_is_no_unknown_command(fault: Fault) -> None:
    for text in ("list instances --limit x", "list instances --nope", "stop", 'show "x'):
        assert not isinstance(fault(text), UnknownCommand)


def test_parsing_a_valid_text_does_not_check_permissions(grammar: Grammar) -> None:
    asked: list[str] = []

    def permitted(command: Command) -> bool:
        asked.append(command.name)
        return False

    assert grammar.parse("stop web-1", permitted).command.name == "stop"
    assert asked == []
