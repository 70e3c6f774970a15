"""The contract of an interpreter: free text in, a proposed command out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .command import Command
from .message import Message, Person


class Interpreter(ABC):
    """Turns what nobody declared a phrase for into the text of a declared command.

    A proposal is only text: it is parsed and passes the whole gate as if the
    person had typed it. Subclasses set ``name``.
    """

    name: str

    @abstractmethod
    async def propose(
        self, message: Message, person: Person, commands: Sequence[Command]
    ) -> str | None:
        """Return the text of a command, or None if the text is not understood.

        ``commands`` are those the person may run. Raises InterpreterFailed if
        the interpreter itself is at fault.
        """
