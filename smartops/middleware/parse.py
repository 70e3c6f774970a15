"""Text, a pressed button or a filled-in form to a call with typed arguments."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from smartops.channel import welcome
from smartops.command import Call, Command
from smartops.contained import contained
from smartops.errors import ApprovalInvalid, PermissionDenied, ValidationFailed
from smartops.grammar import (
    MissingArguments,
    NotPermitted,
    Parsed,
    UnknownCommand,
    arguments_schema,
    load_arguments,
    read_arguments,
)
from smartops.interpreter import FreeText
from smartops.message import Person
from smartops.reply import Reply
from smartops.store import Approval, Operation

from .access import forbidden, may_ever
from .approvals import TOKEN, approval_of, is_no, withdraw
from .audit import is_decided
from .questions import CANCEL_FORM, ask, call_off, called_off, close, complete_answer, fill
from .steps import Identified, Parts, Understood

Permitted = Callable[[Command], bool]
RunText = Callable[[str], Awaitable[Reply]]

GREETINGS = frozenset({"hello", "hi", "hey", "thanks", "thank you", "good morning"})

MOST = 12
"""How many commands may be run to answer one question."""

PRESSED = re.compile(r"(approve|deny|review)_(ap-[0-9a-f]{12})")
"""What the buttons of a request send. It is no secret: whose press counts depends on the sender."""
_PRESSED = {"approve": "approve", "deny": "deny", "review": "approvals"}

LATELY = 1800.0
"""For how many seconds a command is worth knowing for the question that follows it."""


async def parse(parts: Parts, asked: Identified, run: RunText) -> Understood | Reply:
    """Return the call that a message makes, or the answer if it makes none.

    A token, pressed or typed, stands for the call that it was issued for. Help and
    suggestions know only what this person may run. ``run`` is how interpreters
    run commands.
    """
    message, person = asked.message, asked.person
    check_known(person)
    if message.action.startswith(CANCEL_FORM):
        close(parts, asked)
        return called_off(message.action.removeprefix(CANCEL_FORM))
    text = message.action or message.text.strip()
    if pressed := PRESSED.fullmatch(text):
        return parse_exactly(parts, asked, f"{_PRESSED[pressed[1]]} {pressed[2]}")
    token = TOKEN.fullmatch(text)
    if token is None:
        return await _words(parts, asked, text, run)
    approval = await approval_of(parts.store, person, token[2])
    if await is_decided(parts, approval.id):
        raise ApprovalInvalid("This was decided already", details="See: history")
    if token[1] == "cancel":
        return await withdraw(parts, person, message, approval)
    close(parts, asked)
    return confirmed(parts, asked, approval)


def check_known(person: Person) -> None:
    """Raise PermissionDenied for a person without roles."""
    if not person.roles:
        raise PermissionDenied(
            "SmartOps does not know you",
            details=f"Ask an operator to add the identity {person.identity} under people:",
        )


def parse_exactly(parts: Parts, asked: Identified, text: str) -> Understood:
    """Return the call that a text makes without asking back and without interpreters."""
    try:
        parsed = parts.grammar.parse(text, partial(_permitted, parts, asked))
    except NotPermitted as error:
        place = asked.message.place
        raise forbidden(parts.policy, asked.person, error.forbidden, place) from None
    return _understood(asked, parsed)


def stored_call(
    parts: Parts, asked: Identified, stored: Approval | Operation, *, by_id: bool = False
) -> Understood:
    """Return the call of an approval or operation; it is not open to interpretation.

    Raises ValidationFailed if the command is gone, or does not take these arguments
    any more.
    """
    wired = parts.wired.get(stored.command)
    if wired is None:
        name = stored.command or stored.command_text  # before schema 0004 there was only the text
        raise ValidationFailed(f"There is no command {name} any more", details="Try: help")
    command = wired.command
    arguments = load_arguments(command, stored.arguments, by_id=by_id)
    return _understood(asked, Parsed(command, arguments, stored.command_text))


def proposed(parts: Parts, asked: Identified, text: str) -> Understood:
    """Return the call that an interpreter's text makes, unless only a person may say it."""
    found = parse_exactly(parts, asked, text)
    if found.call.emergency:
        raise PermissionDenied("Only a person can say --emergency")
    if found.command.by_hand:
        raise PermissionDenied(
            f"Only a person can say: {found.command.name}", details=f"Type it: {found.call.text}"
        )
    return Understood(found.command, found.call, interpreted=True)


def confirmed(parts: Parts, asked: Identified, approval: Approval) -> Understood:
    """Return the call that was approved."""
    found = stored_call(parts, asked, approval)
    return Understood(found.command, found.call, approval)


async def requested_call(parts: Parts, asked: Identified, approval: Approval) -> Understood:
    """Return the call of a request that others have approved, for the one who requested it."""
    check_known(asked.person)
    if await is_decided(parts, approval.id):
        raise ApprovalInvalid("This was decided already", details="See: history")
    return confirmed(parts, asked, approval)


async def _words(parts: Parts, asked: Identified, text: str, run: RunText) -> Understood | Reply:
    if not text:
        raise ValidationFailed("The message is empty", details="Try: help")
    form = asked.message.form
    if form:
        close(parts, asked)
    if cancelled := await call_off(parts, asked, text):
        return cancelled
    try:
        found = parse_exactly(parts, asked, text)
    except MissingArguments as missing:
        if not form:
            return await ask(parts, asked, missing)
        filled = await fill(parts, asked, missing.wanted, missing.arguments, form)
        return filled if isinstance(filled, Reply) else _understood(asked, filled)
    except UnknownCommand:
        other = await _other_words(parts, asked, text, run)
        if other is None:
            raise
        return other
    close(parts, asked)
    if form:
        return _understood(asked, parts.grammar.fill(found.command, found.call.arguments, form))
    return found


async def _other_words(
    parts: Parts, asked: Identified, text: str, run: RunText
) -> Understood | Reply | None:
    """Return what is made of words that are no command; None if nothing can be.

    They are a greeting, the answer to an open question, a no to an open
    confirmation, or for the interpreters.
    """
    if text.casefold().rstrip("!. ") in GREETINGS:
        close(parts, asked)
        return welcome()
    permitted = partial(_permitted, parts, asked)
    answered = await complete_answer(parts, asked, text, permitted)
    if isinstance(answered, Reply):
        return answered
    if answered is not None:
        parsed, question = answered
        return _understood(asked, parsed, question)
    if await is_no(parts.store, asked.person, asked.message, text):
        return parse_exactly(parts, asked, "cancel")
    return await _interpreted(parts, asked, permitted, run)


async def _interpreted(
    parts: Parts, asked: Identified, permitted: Permitted, run: RunText
) -> Understood | Reply | None:
    """Ask the interpreters in turn; the first that understands decides."""
    if not parts.interpreters:
        return None
    question = GatedFreeText(parts, asked, permitted, run)
    for interpreter in parts.interpreters:
        answer = await contained(interpreter.name, interpreter.interpret(question))
        if isinstance(answer, str):
            return proposed(parts, asked, answer)
        if answer is not None:
            return answer
    return None


def _permitted(parts: Parts, asked: Identified, command: Command) -> bool:
    return may_ever(parts.policy, asked.person, command, asked.message.place)


def _understood(asked: Identified, parsed: Parsed, answers: str = "") -> Understood:
    command = parsed.command
    call = Call(
        command.name,
        parsed.arguments,
        asked.person,
        asked.message,
        parsed.text,
        asked.key,
        command.owner,
        command.emergency(parsed.arguments),
    )
    return Understood(command, call, answers=answers)


class GatedFreeText(FreeText):
    """A question whose commands are run by the gate: a model has no door that its user has not."""

    def __init__(
        self,
        parts: Parts,
        asked: Identified,
        permitted: Permitted,
        run: RunText,
    ) -> None:
        self.message = asked.message
        self.person = asked.person
        self.commands: Sequence[Command] = tuple(
            wired.command
            for wired in parts.wired.values()
            if not wired.command.by_hand and permitted(wired.command)
        )
        self._parts = parts
        self._run = run
        self._runs = 0

    def schema(self, command: Command) -> dict[str, Any]:
        """Return the JSON schema of a command's arguments."""
        return arguments_schema(command)

    def text(self, command: Command, arguments: Mapping[str, Any]) -> str:
        """Return the canonical text of a call with these arguments."""
        grammar = self._parts.grammar
        bound = read_arguments(command, arguments)
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
        events = await parts.store.history(self.person.name, 4 * limit)
        texts = (
            item.text
            for item in events
            if item.command
            and item.place == place
            and item.outcome == "success"
            and item.at >= since
        )
        newest = list(dict.fromkeys(texts))[:limit]
        return newest[::-1]

    async def run(self, text: str) -> Reply:
        """Run a command, with an audit event of its own."""
        self._runs += 1
        if self._runs > MOST:
            raise ValidationFailed(f"More than {MOST} commands would be needed to answer that")
        return await self._run(text)
