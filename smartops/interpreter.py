"""The contract of an interpreter, which translates free text into a command or a reply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from .command import Command
from .message import Message, Person
from .reply import Reply


class FreeText(ABC):
    """Free text that no command matches, and the tools to answer it.

    ``commands`` are those that ``person`` may run in the message's place, without
    those that only people may run.
    """

    message: Message
    person: Person
    commands: Sequence[Command]

    @abstractmethod
    def schema(self, command: Command) -> dict[str, Any]:
        """Return the JSON schema (draft 2020-12) of a command's arguments."""

    @abstractmethod
    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        """Return the text of a call of a command with JSON arguments.

        Raises ValidationFailed, which names the invalid argument.
        """

    @abstractmethod
    async def lately(self, limit: int = 5) -> Sequence[str]:
        """Return the texts of the person's successful commands here, oldest first.

        At most ``limit``, of the last half hour.
        """

    @abstractmethod
    async def run(self, text: str) -> Reply:
        """Run a command as if the person had typed it, and return its reply.

        The command passes the whole gate. A command that changes something returns
        the pending reply with its plan: the interpreter must return that reply
        unaltered, because only the person can confirm it. Errors are returned in
        the reply, not raised. Raises ValidationFailed if too many commands were run
        for this text.
        """


class Interpreter(ABC):
    """Translates free text into a command, or answers it from the data of commands.

    The text that it proposes is parsed and passes the whole gate, as if the person
    had typed it. Subclasses set ``name``.
    """

    name: str

    @abstractmethod
    async def interpret(self, question: FreeText) -> Reply | str | None:
        """Return a reply, the text of a command, or None if the text is not understood.

        Raises InterpreterFailed if the interpreter fails.
        """
