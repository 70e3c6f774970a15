"""The commands that belong to the core.

They concern only the person who asks, so everybody with a role may use them
unless a rule denies it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from smartops.command import Call, Command, command
from smartops.errors import ValidationFailed
from smartops.jsonable import timestamp
from smartops.reply import Cell, Fields, Reply, Severity, Table
from smartops.store import Record

from .authorise import CORE, may_ever
from .deciding import approvals, cancel
from .operations import operations, show_operation, when
from .turn import Desk


class BuiltinCommands(Desk):
    """The core's commands. ``parts`` is set once the gate they ask about is built."""

    def commands(self) -> list[Command]:
        """Return the commands, owned by the core."""
        commands = (
            _help(self),
            whoami,
            approvals(self),
            cancel(self),
            _history(self),
            operations(self),
            show_operation(self),
        )
        return [item.owned(CORE) for item in commands]


@command("whoami")
async def whoami(call: Call) -> Reply:
    """Show your identity and roles."""
    message, person = call.message, call.person
    pairs = [
        ("Person", person.name),
        ("Roles", ", ".join(sorted(person.roles))),
        ("Identity", str(person.identity)),
        ("Place", str(message.place)),
    ]
    if message.claimed:
        pairs.append(("Claimed, not proven", message.claimed))
    data = {
        "person": person.name,
        "roles": sorted(person.roles),
        "identity": str(person.identity),
        "place": str(message.place),
    }
    return Reply.of(Fields(tuple(pairs)), data=data, private=True)


def _help(desk: Desk) -> Command:
    @command("help [{about...}]", examples=("help", "help list instances"))
    async def help_command(call: Call, about: str = "") -> Reply:
        """Show what you may run here, or explain one command.

        Without an argument it lists every command that you may run in this
        place. With the name of a command it shows how that is written.
        """

        def permitted(item: Command) -> bool:
            return may_ever(desk.parts, call.person, item, call.message.place)

        answer = desk.parts.grammar.help(permitted, about.strip() or None)
        return replace(answer, private=True)  # it is what this one person may run

    return help_command


def _history(desk: Desk) -> Command:
    @command("history", examples=("history --limit 5",))
    async def history(call: Call, limit: int = 10) -> Reply:
        """Show what you ran last, and how it went."""
        if not 1 <= limit <= 100:
            raise ValidationFailed("--limit must be between 1 and 100")
        records = await desk.parts.store.history(call.person.name, limit)
        if not records:
            return Reply.of("You have not run anything yet.", data={"history": []})
        rows = tuple((when(item.at), item.text, _outcome(item)) for item in records)
        together = (("Command", "When (UTC)"),)
        return Reply.of(
            Table(("When (UTC)", "Command", "Outcome"), rows, together),
            data={"history": [_as_data(item) for item in records]},
            private=True,
        )

    return history


def _outcome(item: Record) -> Cell:
    severity = {"success": Severity.GOOD, "pending": Severity.INFO}
    words = item.outcome.replace("_", " ").lower()
    return Cell(words, severity.get(item.outcome, Severity.WARNING))


def _as_data(item: Record) -> dict[str, object]:
    return {
        "at": timestamp(datetime.fromtimestamp(item.at, UTC)),
        "command": item.text,
        "outcome": item.outcome,
        "place": item.place,
        "requestId": item.request_id,
    }
