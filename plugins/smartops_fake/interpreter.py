"""A language model from a script: free text and the command it is understood as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartops import Command, Interpreter, Message, Person

from .faults import Faults


class FakeInterpreter(Interpreter):
    """Understands exactly the phrases of the configuration, whatever their case and spacing."""

    name = "fake"

    def __init__(self, phrases: Mapping[str, str], faults: Faults) -> None:
        self._phrases = {_plain(text): command for text, command in phrases.items()}
        self._faults = faults

    async def propose(
        self, message: Message, person: Person, commands: Sequence[Command]
    ) -> str | None:
        """Return the command of a known phrase; raises ModelFailed if that was configured."""
        await self._faults.before("propose")
        proposal = self._phrases.get(_plain(message.text))
        await self._faults.after("propose")
        return proposal


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")
