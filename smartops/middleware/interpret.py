"""Free text: interpreters propose, and whatever they want done passes the gate.

What an interpreter runs is a turn of its own through the rest of the steps,
recorded like any other: a model has no door that its user has not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from smartops.command import Call, Command
from smartops.errors import InternalError, Refusal, ValidationFailed
from smartops.interpreter import Question
from smartops.reply import Reply

from .outcome import note
from .turn import Parts, Proceed, Turn

log = logging.getLogger("smartops.gate")

MOST = 12
"""How many commands may be run to answer one question."""

Permitted = Callable[[Command], bool]


class GatedQuestion(Question):
    """A question whose commands go through ``proceed``, the steps after parsing."""

    def __init__(self, parts: Parts, proceed: Proceed, turn: Turn, permitted: Permitted) -> None:
        assert turn.person is not None
        self.message = turn.message
        self.person = turn.person
        self.commands: Sequence[Command] = tuple(
            wired.command for wired in parts.wired.values() if permitted(wired.command)
        )
        self._parts = parts
        self._proceed = proceed
        self._turn = turn
        self._permitted = permitted
        self._runs = 0

    async def run(self, text: str) -> Reply:
        """Run a command as a turn of its own."""
        self._runs += 1
        if self._runs > MOST:
            raise ValidationFailed(f"More than {MOST} commands would be needed to answer that")
        outer = self._turn
        turn = Turn(outer.message, self._parts.clock.time(), outer.watcher, person=self.person)
        try:
            parsed = self._parts.grammar.parse(text, self._permitted)
            turn.command = parsed.command
            turn.call = Call(
                parsed.command.name, parsed.arguments, self.person, outer.message, parsed.text
            )
            reply = await self._proceed(turn)
        except Refusal as refusal:
            reply = Reply.refused(refusal)
        except Exception:
            log.exception("message failed", extra={"request_id": outer.message.request_id})
            reply = Reply.refused(InternalError("Something went wrong"))
        note(self._parts, turn, reply)
        return reply


async def interpreted(
    parts: Parts, proceed: Proceed, turn: Turn, permitted: Permitted
) -> Reply | str | None:
    """Ask the interpreters in turn; the first that understands decides."""
    if not parts.interpreters:
        return None
    question = GatedQuestion(parts, proceed, turn, permitted)
    for interpreter in parts.interpreters:
        answer = await interpreter.interpret(question)
        if answer is not None:
            return answer
    return None
