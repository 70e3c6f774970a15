"""Free text: interpreters propose, and whatever they want done passes the gate.

What an interpreter runs is a turn of its own through the rest of the steps,
recorded like any other: a model has no door that its user has not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smartops.command import Call, Command
from smartops.contained import CANCELLED, contained
from smartops.errors import InternalError, PermissionDenied, Refusal, ValidationFailed
from smartops.grammar import NotPermitted, Parsed
from smartops.interpreter import FreeText
from smartops.reply import Reply

from .authorise import forbidden
from .outcome import note
from .turn import Parts, Proceed, Turn

log = logging.getLogger("smartops.gate")

MOST = 12
"""How many commands may be run to answer one question."""

LATELY = 1800.0
"""For how many seconds a command is worth knowing for the question that follows it."""

Permitted = Callable[[Command], bool]


class GatedFreeText(FreeText):
    """A question whose commands go through ``proceed``, the steps after parsing."""

    def __init__(self, parts: Parts, proceed: Proceed, turn: Turn, permitted: Permitted) -> None:
        assert turn.person is not None
        self.message = turn.message
        self.person = turn.person
        self.commands: Sequence[Command] = tuple(
            wired.command
            for wired in parts.wired.values()
            if not wired.command.by_hand and permitted(wired.command)
        )
        self._parts = parts
        self._proceed = proceed
        self._turn = turn
        self._permitted = permitted
        self._runs = 0

    def schema(self, command: Command) -> dict[str, Any]:
        """Return the JSON schema of a command's arguments."""
        return self._parts.grammar.schema(command)

    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        """Return the canonical text of a call with these arguments."""
        grammar = self._parts.grammar
        bound = grammar.bind(command, arguments)
        try:
            return grammar.text(command, bound)
        except ValueError as error:
            raise ValidationFailed(
                f"{command.name} cannot be called like this", details=str(error)
            ) from None

    async def lately(self, limit: int = 5) -> Sequence[str]:
        """Return what the person ran here in the last half hour, oldest first."""
        parts, place = self._parts, str(self.message.place)
        since = parts.clock.time() - LATELY
        records = await parts.store.history(self.person.name, 4 * limit, phase="outcome")
        texts = (
            item.text
            for item in records
            if item.command
            and item.place == place
            and item.outcome == "success"
            and item.at >= since
        )
        newest = list(dict.fromkeys(texts))[:limit]
        return newest[::-1]

    async def run(self, text: str) -> Reply:
        """Run a command as a turn of its own."""
        self._runs += 1
        if self._runs > MOST:
            raise ValidationFailed(f"More than {MOST} commands would be needed to answer that")
        outer = self._turn
        turn = Turn(outer.message, self._parts.clock.time(), outer.watcher, person=self.person)
        try:
            parsed = proposed(self._parts, turn, text, self._permitted)
            turn.command = parsed.command
            turn.call = Call(
                parsed.command.name, parsed.arguments, self.person, outer.message, parsed.text
            )
            reply = await self._proceed(turn)
        except Refusal as refusal:
            reply = Reply.refused(refusal)
        except CANCELLED:
            raise
        except BaseException:
            log.exception("message failed", extra={"request_id": outer.message.request_id})
            reply = Reply.refused(InternalError("Something went wrong"))
        note(self._parts, turn, reply)
        return reply


def proposed(parts: Parts, turn: Turn, text: str, permitted: Permitted) -> Parsed:
    """Return what the text of an interpreter calls, unless only a person may say it."""
    assert turn.person is not None
    try:
        parsed = parts.grammar.parse(text, permitted)
    except NotPermitted as error:
        raise forbidden(parts, turn, turn.person, error.command) from None
    if parsed.command.by_hand:
        raise PermissionDenied(
            f"Only a person can say: {parsed.command.name}", details=f"Type it: {parsed.text}"
        )
    turn.understood = True
    return parsed


async def interpreted(
    parts: Parts, proceed: Proceed, turn: Turn, permitted: Permitted
) -> Reply | Parsed | None:
    """Ask the interpreters in turn; the first that understands decides."""
    if not parts.interpreters:
        return None
    question = GatedFreeText(parts, proceed, turn, permitted)
    for interpreter in parts.interpreters:
        answer = await contained(interpreter.name, interpreter.interpret(question))
        if isinstance(answer, str):
            return proposed(parts, turn, answer, permitted)
        if answer is not None:
            return answer
    return None
