"""A grammar with typical commands, and helpers to parse with it."""

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

import pytest

from smartops import Call, Command, Compute, Instance, Reply, command
from smartops.grammar import Grammar, Parsed, ParseError

Parse = Callable[..., Parsed]


class Size(Enum):
    SMALL = "small"
    LARGE = "extra large"


@command("list instances", examples=("list instances --state running",))
async def list_instances(
    call: Call,
    compute: Compute,
    *,
    state: list[Literal["pending", "running", "stopped"]] | None = None,
    tag: list[str] | None = None,
    name: list[str] | None = None,
    platform: Literal["linux", "windows"] | None = None,
    size: Size = Size.SMALL,
    limit: int = 20,
    ratio: float | None = None,
    since: timedelta | None = None,
    all_regions: bool = False,
    colour: bool = True,
) -> Reply:
    """List instances.

    Only those that match every option.
    """
    return Reply()


@command("check health [{target}]")
async def check_health(target: Instance | None = None) -> str:
    """Check the fleet, or one instance."""
    return ""


@command(
    "execute {script...} on {targets}",
    "run {script...} on {targets}",
    effect="change",
    examples=('execute "df -h" on web-server-01',),
)
async def execute(
    script: str,
    targets: list[Instance],
    timeout: timedelta = timedelta(seconds=60),
    note: str = "",
) -> str:
    """Run a script."""
    return ""


@command("show {target}", "show instance {target}")
async def show(target: Instance) -> str:
    """Show one instance."""
    return ""


@command("stop {targets}", effect="dangerous")
async def stop(targets: list[Instance], force: bool = False) -> str:
    """Stop instances."""
    return ""


@command("tag {target} {key} {value}", effect="change")
async def tag(target: Instance, key: str, value: str, note: str = "") -> str:
    """Set a tag."""
    return ""


@command("resize {target} to {size}", effect="change")
async def resize(target: Instance, size: Size, *, reason: str) -> str:
    """Change the size of an instance."""
    return ""


@command("help [{about...}]")
async def help_command(about: str = "") -> str:
    """Show what you can do."""
    return ""


@command("announce {room} {message...}")
async def announce(room: str, message: str, loud: bool = False) -> str:
    """Post a text in a room."""
    return ""


COMMANDS = (
    list_instances.owned("instances"),
    check_health.owned("health"),
    execute.owned("exec"),
    show.owned("instances"),
    stop.owned("instances"),
    tag.owned("instances"),
    resize.owned("instances"),
    help_command.owned("core"),
    announce.owned("chat"),
)


def anyone(command: Command) -> bool:
    return True


@pytest.fixture(scope="session")
def commands() -> dict[str, Command]:
    return {item.name: item for item in COMMANDS}


@pytest.fixture(scope="session")
def grammar() -> Grammar:
    return Grammar(COMMANDS)


@pytest.fixture(scope="session")
def parse(grammar: Grammar) -> Parse:
    def parse(text: str, permitted: Callable[[Command], bool] = anyone) -> Parsed:
        return grammar.parse(text, permitted)

    return parse


@pytest.fixture(scope="session")
def given(parse: Parse) -> Callable[[str], dict[str, Any]]:
    """Return a function that returns the parsed arguments that differ from the defaults."""

    def given(text: str) -> dict[str, Any]:
        parsed = parse(text)
        defaults = {item.name: item.default for item in parsed.command.parameters}
        return {name: v for name, v in parsed.arguments.items() if v != defaults[name]}

    return given


@pytest.fixture(scope="session")
def fault(parse: Parse) -> Callable[..., ParseError]:
    """Return a function that returns the error of parsing a text."""

    def fault(text: str, permitted: Callable[[Command], bool] = anyone) -> ParseError:
        with pytest.raises(ParseError) as caught:
            parse(text, permitted)
        return caught.value

    return fault
