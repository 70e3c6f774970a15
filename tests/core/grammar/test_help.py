import json

import pytest

from smartops import Code, Command, Fields, Table, Text
from smartops.grammar import Grammar, NotPermitted, UnknownCommand


def anyone(command: Command) -> bool:
    return True


def test_help_has_one_line_for_each_permitted_command(grammar: Grammar) -> None:
    reply = grammar.help(lambda command: command.name != "stop")
    rows = [row for block in reply.view if isinstance(block, Table) for row in block.rows]
    assert ("list instances", "List instances.") in rows
    assert ("check health [TARGET]", "Check the fleet, or one instance.") in rows
    assert ("execute SCRIPT on TARGETS", "Run a script.") in rows
    assert len(rows) == 8
    assert "stop" not in repr(reply).casefold()


def test_help_is_grouped_by_plugin(grammar: Grammar) -> None:
    titles = [
        block.text
        for block in grammar.help(anyone).view
        if isinstance(block, Text) and block.style == "title"
    ]
    assert titles == ["What you can do here", "Instances", "Health", "Exec", "Core", "Chat"]


def test_help_as_data(grammar: Grammar) -> None:
    data = grammar.help(anyone).data
    assert json.loads(json.dumps(data)) == data
    assert data["commands"][0] == {
        "name": "list instances",
        "usage": "list instances",
        "summary": "List instances.",
        "effect": "read",
        "group": "instances",
    }


def test_help_without_permitted_commands(grammar: Grammar) -> None:
    reply = grammar.help(lambda _: False)
    assert reply.view == (Text("There is nothing you may run here."),)
    assert reply.data == {"commands": []}


def test_help_on_one_command(grammar: Grammar) -> None:
    title, text, usage, arguments, examples, effect = grammar.help(anyone, "List  Instances").view
    assert title == Text("list instances", style="title")
    assert text == Text("List instances.\n\nOnly those that match every option.")
    assert usage == Code(
        "list instances [--state pending|running|stopped,…] [--tag TAG,…] [--name NAME,…] "
        "[--platform linux|windows] [--size small|extra large] [--limit LIMIT] [--ratio RATIO] "
        "[--since SINCE] [--all-regions] [--no-colour]",
        title="Usage",
    )
    assert isinstance(arguments, Table)
    assert arguments.rows == (
        ("--state", "any of pending, running, stopped", ""),
        ("--tag", "texts, with commas between", ""),
        ("--name", "texts, with commas between", ""),
        ("--platform", "one of linux, windows", ""),
        ("--size", "one of small, extra large", "small"),
        ("--limit", "a whole number", "20"),
        ("--ratio", "a number", ""),
        ("--since", "a duration such as 30s, 5m or 1h30m", ""),
        ("--all-regions", "nothing: it is a switch", "no"),
        ("--no-colour", "nothing: it is a switch", "yes"),
    )
    assert examples == Code("list instances --state running", title="Examples")
    assert effect == Fields((("Effect", "reads only"),))


def test_help_on_one_command_as_data(grammar: Grammar) -> None:
    data = grammar.help(anyone, "execute").data["command"]
    assert json.loads(json.dumps(data)) == data
    assert data["usage"] == [
        "execute SCRIPT on TARGETS [--timeout TIMEOUT] [--note NOTE]",
        "run SCRIPT on TARGETS [--timeout TIMEOUT] [--note NOTE]",
    ]
    assert data["arguments"][2] == {
        "name": "timeout",
        "takes": "a duration such as 30s, 5m or 1h30m",
        "required": False,
        "default": "1m",
        "choices": [],
        "many": False,
        "option": True,
    }


@pytest.mark.parametrize("name", ["run", "Show Instance", "check", "help", "list"])
def test_help_finds_a_command_by_any_prefix(grammar: Grammar, name: str) -> None:
    assert "command" in grammar.help(anyone, name).data


def test_help_on_a_common_prefix_lists_the_commands() -> None:
    from smartops import command

    @command("set {a} x")
    async def one(a: str) -> str:
        """Set one."""
        return ""

    @command("list users")
    async def users() -> str:
        """List users."""
        return ""

    @command("list rooms")
    async def rooms() -> str:
        """List rooms."""
        return ""

    reply = Grammar([one, users, rooms]).help(anyone, "list")
    assert [item["name"] for item in reply.data["commands"]] == ["list users", "list rooms"]
    assert reply.view[0] == Text("Commands that begin with list", style="title")


def test_help_on_an_unknown_command_suggests_similar_ones(grammar: Grammar) -> None:
    with pytest.raises(UnknownCommand) as caught:
        grammar.help(anyone, "lst instances")
    assert caught.value.message == 'There is no command "lst instances"'
    assert caught.value.details == "Did you mean list instances?"
    assert caught.value.suggestions == ("help list instances",)


def test_help_on_a_denied_command_is_refused(grammar: Grammar) -> None:
    def permitted(command: Command) -> bool:
        return command.name != "stop"

    with pytest.raises(NotPermitted) as refused:
        grammar.help(permitted, "stop")
    assert refused.value.forbidden.name == "stop"
    with pytest.raises(UnknownCommand) as unknown:
        grammar.help(permitted, "stpo")
    assert unknown.value.message == 'There is no command "stpo"'
    assert "stop" not in "".join(unknown.value.suggestions)
