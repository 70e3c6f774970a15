"""A language model from a script: free text and the command it is understood as."""

from __future__ import annotations

from collections.abc import Mapping

from smartops import Interpreter, Question

from .faults import Faults


class FakeInterpreter(Interpreter):
    """Understands exactly the phrases of the configuration, whatever their case and spacing."""

    name = "fake"

    def __init__(self, phrases: Mapping[str, str], faults: Faults) -> None:
        self._phrases = {_plain(text): command for text, command in phrases.items()}
        self._faults = faults

    async def interpret(self, question: Question) -> str | None:
        """Return the command of a known phrase; raises ModelFailed if that was configured."""
        await self._faults.before("interpret")
        proposal = self._phrases.get(_plain(question.message.text))
        await self._faults.after("interpret")
        return proposal


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")
