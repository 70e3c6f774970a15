"""Help: the permitted commands, and the manual of one command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smartops.command import Command, Effect
from smartops.parameter import Parameter
from smartops.reply import Block, Code, Fields, Reply, Severity, Table, Text

from . import usage
from .schema import jsonable

_EFFECTS: Mapping[Effect, str] = {
    Effect.READ: "reads only",
    Effect.CHANGE: "changes state; needs confirmation",
    Effect.DANGEROUS: "dangerous; needs confirmation",
}


def listing(
    commands: Iterable[Command], refused: Mapping[str, str], title: str = "What you can do here"
) -> Reply:
    """Return one line for each command, grouped by the plugin it comes from."""
    groups: dict[str, list[Command]] = {}
    for command in commands:
        groups.setdefault(command.owner, []).append(command)
    view: list[Block] = [Text(title, style="title")]
    for owner, members in groups.items():
        if len(groups) > 1 and owner:
            view.append(Text(owner.replace("_", " ").capitalize(), style="title"))
        rows = tuple(
            (
                usage.phrase(item, item.phrases[0]),
                f"{item.summary}{_also(item)}{_not_now(refused.get(item.name, ''))}",
            )
            for item in members
        )
        view.append(Table(("Command", "What it does"), rows))
    view.append(Text('Say "help COMMAND" to see one in full.', style="note"))
    data = [_brief(item) for members in groups.values() for item in members]
    return Reply.of(*view, data={"commands": data})


def nothing() -> Reply:
    """Return the reply to a person who may run nothing."""
    return Reply.of("There is nothing you may run here.", data={"commands": []})


def manual(command: Command, refused: str = "") -> Reply:
    """Return the manual of one command."""
    view: list[Block] = [Text(command.name, style="title"), Text(command.help)]
    if refused:
        view.append(Text(_not_now(refused).strip(), severity=Severity.WARNING))
    lines = "\n".join(usage.full(command, phrase) for phrase in command.phrases)
    view.append(Code(lines, title="Usage"))
    if command.parameters:
        rows = tuple(_row(command, parameter) for parameter in command.parameters)
        view.append(Table(("Argument", "Takes", "Default"), rows))
    if command.examples:
        view.append(Code("\n".join(command.examples), title="Examples"))
    view.append(Fields((("Effect", _EFFECTS[command.effect]),)))
    return Reply.of(*view, data={"command": _full(command)})


def _also(command: Command) -> str:
    return f" Also: {', '.join(command.aliases)}." if command.aliases else ""


def _not_now(reason: str) -> str:
    return f" Refused at present: {reason.rstrip('.')}." if reason else ""


def _row(command: Command, parameter: Parameter) -> tuple[str, str, str]:
    if parameter in usage.options(command):
        name = usage.option(parameter).split()[0]
    else:
        name = usage.metavar(parameter)
    takes = (
        "nothing: it is a switch"
        if parameter.is_flag and name.startswith("--")
        else usage.kind(parameter)
    )
    return name, takes, "required" if parameter.required else usage.value(parameter.default)


def _brief(command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "usage": usage.phrase(command, command.phrases[0]),
        "summary": command.summary,
        "effect": command.effect.value,
        "group": command.owner,
    }


def _full(command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "usage": [usage.full(command, phrase) for phrase in command.phrases],
        "help": command.help,
        "effect": command.effect.value,
        "group": command.owner,
        "arguments": [_argument(command, item) for item in command.parameters],
        "examples": list(command.examples),
    }


def _argument(command: Command, parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.option,
        "takes": usage.kind(parameter),
        "required": parameter.required,
        "default": jsonable(parameter.default),
        "choices": list(parameter.choices),
        "many": parameter.many,
        "option": parameter in usage.options(command),
    }
