"""Commands as the model's tools, and its tool calls as the text of commands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from smartops import Command, Effect, FreeText, ValidationFailed

_LONGEST_NAME = 64
_LONGEST_HELP = 1500
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")
_INVALID = re.compile("[\x00\ud800-\udfff]")  # a text column cannot store them
_CHANGES = "It changes something: the person sees the exact command and has to confirm it."


class Toolbox:
    """The commands that the person of a question may run here."""

    def __init__(self, question: FreeText) -> None:
        self._question = question
        self._commands: dict[str, Command] = {}
        for command in sorted(question.commands, key=lambda item: item.name):
            self._commands[self._unique_name(command)] = command
        self.config: Mapping[str, Any] = {"tools": list(map(self._tool, self._commands))}
        """The ``toolConfig`` of a request."""

    def __bool__(self) -> bool:
        return bool(self._commands)

    def __contains__(self, name: str) -> bool:
        return name in self._commands

    def command(self, name: str) -> Command:
        """Return the command of a tool; raises ValidationFailed if the person has no such tool."""
        found = self._commands.get(name)
        if found is None:
            raise ValidationFailed("There is no such tool", details=", ".join(self._commands))
        return found

    def text(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return a tool call as the text of a command; raises ValidationFailed if it is invalid."""
        text = self._question.text(self.command(name), arguments)
        if _INVALID.search(text):
            raise ValidationFailed("There are characters in it that no command can have")
        return text

    def _tool(self, name: str) -> Mapping[str, Any]:
        command = self._commands[name]
        return {
            "toolSpec": {
                "name": name,
                "description": _description(command),
                "inputSchema": {"json": self._question.schema(command)},
            }
        }

    def _unique_name(self, command: Command) -> str:
        plain = _OTHER.sub("_", command.name).strip("_") or "command"
        if len(plain) <= _LONGEST_NAME and plain not in self._commands:
            return plain
        digest = hashlib.sha256(command.name.encode()).hexdigest()[:8]
        return f"{plain[: _LONGEST_NAME - 9]}_{digest}"


def _description(command: Command) -> str:
    parts = [command.help[:_LONGEST_HELP]]
    if command.effect is not Effect.READ:
        parts.append(_CHANGES)
    if command.examples:
        parts.append("As it is typed: " + "; ".join(command.examples[:3]))
    return "\n".join(parts)
