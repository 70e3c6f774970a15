"""Text, a pressed action or a filled-in form to a Call."""

from __future__ import annotations

from smartops.command import Call, Command
from smartops.errors import PermissionDenied, ValidationFailed
from smartops.grammar import MissingArguments, NotPermitted, Parsed, UnknownCommand
from smartops.message import Person
from smartops.reply import Reply

from .authorise import forbidden, may_ever
from .interpret import interpreted
from .questions import answered, ask, called_off, close
from .tokens import TOKEN, approval_of, decided_in_words, withdraw
from .turn import Parts, Proceed, Turn


async def parse(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Make a Call of what was said.

    A token, pressed or typed, stands for the call it was given out for. Help and
    suggestions know only what this person may run.
    """
    person = turn.person
    assert person is not None
    if not person.roles:
        raise PermissionDenied(
            "SmartOps does not know you",
            details=f"Ask an operator to add the identity {person.identity} under people:",
        )
    said = turn.message.action or turn.message.text.strip()
    token = TOKEN.fullmatch(said)
    if turn.operation is not None:
        said = turn.operation.command_text
    elif token is not None:
        turn.approval = await approval_of(parts, turn, person, token[2])
        if token[1] == "cancel":
            turn.closes = turn.approval.id
            return await withdraw(parts, turn.approval)
        said = turn.approval.command_text
    elif not said:
        raise ValidationFailed("The message is empty", details="Try: help")
    try:
        parsed = await _parsed(parts, proceed, turn, person, said)
    except MissingArguments as missing:
        if not turn.message.asks or turn.operation is not None:
            raise
        return await ask(parts, turn, missing)
    if isinstance(parsed, Reply):
        return parsed
    turn.command = parsed.command
    turn.call = Call(
        parsed.command.name, parsed.arguments, person, turn.message, parsed.text, turn.act
    )
    return await proceed(turn)


async def _parsed(
    parts: Parts, proceed: Proceed, turn: Turn, person: Person, said: str
) -> Parsed | Reply:
    def permitted(command: Command) -> bool:
        return may_ever(parts, person, command, turn.message.place)

    if turn.message.form:
        close(parts, turn)
    if cancelled := await called_off(parts, turn, said):
        return cancelled
    try:
        parsed = parts.grammar.parse(said, permitted)
    except MissingArguments as missing:
        if not turn.message.form:
            raise
        return parts.grammar.fill(missing.wanted, missing.arguments, turn.message.form)
    except NotPermitted as error:
        raise forbidden(parts, turn, person, error.command) from None
    except UnknownCommand:
        if turn.operation is not None:
            raise  # what was approved is not open to interpretation
        understood = (
            await answered(parts, turn, said, permitted)
            or await decided_in_words(parts, turn, said, permitted)
            or await interpreted(parts, proceed, turn, permitted)
        )
        if understood is None:
            raise
        return understood
    close(parts, turn)
    return parsed
