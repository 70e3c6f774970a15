"""The contract of an interpreter: free text in, a proposed command or an answer out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from .command import Command
from .message import Message, Person
from .reply import Reply


class Question(ABC):
    """Free text that no command matches, and what may be done to answer it.

    ``commands`` are those that ``person`` may run where ``message`` was said,
    without those that are for people alone.
    """

    message: Message
    person: Person
    commands: Sequence[Command]

    @abstractmethod
    def schema(self, command: Command) -> dict[str, Any]:
        """Return the JSON schema (draft 2020-12) of a command's arguments."""

    @abstractmethod
    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        """Return the text that calls a command with arguments as JSON has them.

        Raises ValidationFailed, which names the argument that does not fit.
        """

    @abstractmethod
    async def lately(self, limit: int = 5) -> Sequence[str]:
        """Return what the person ran here in the last half hour, oldest first.

        At most ``limit`` texts of commands that succeeded.
        """

    @abstractmethod
    async def run(self, text: str) -> Reply:
        """Run a command as if the person had typed it, and return its reply.

        It passes the whole gate. A changing command returns the pending reply
        that shows what would be done: the interpreter must answer with it,
        unaltered, for nobody but the person can go on from there. A refusal is
        returned, not raised. Raises ValidationFailed when too many were run for
        one question.
        """


class Interpreter(ABC):
    """Turns what nobody declared a phrase for into a command, or answers it from commands' data.

    Whatever it proposes is only text: it is parsed and passes the whole gate as
    if the person had typed it. Subclasses set ``name``.
    """

    name: str

    @abstractmethod
    async def interpret(self, question: Question) -> Reply | str | None:
        """Return an answer, the text of a command, or None if the text is not understood.

        Raises InterpreterFailed if the interpreter itself is at fault.
        """
