"""Arguments that are missing: asked for in a form, or in words and answered in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from smartops.backend import Instance
from smartops.command import REASON, Command
from smartops.errors import Refusal
from smartops.grammar import MissingArguments, Parsed, incomplete
from smartops.message import Message
from smartops.parameter import Parameter
from smartops.reply import Action, Block, Form, FormField, Reply, Text
from smartops.store import OpenQuestion, StoreUnavailable

from .choices import MOST, offered
from .steps import Identified, Parts, Understood

LIFE = 300.0
"""For how many seconds a question is open."""

_HINTS = {
    Instance: "a name, an id or tag:KEY=VALUE",
    timedelta: "such as 30s, 5m or 1h30m",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


CANCEL_FORM = "cancel_form "
"""What the action of a form's Cancel button begins with; the form's command follows."""

_CALLS_OFF = frozenset({"cancel", "no"})


async def ask(parts: Parts, asked: Identified, missing: MissingArguments) -> Reply:
    """Open a question, and return the reply that asks for what is missing.

    Raises ``missing`` where the channel cannot ask back, or if nothing can be filled in.
    """
    if not asked.message.asks or not missing.missing:
        raise missing
    fields = [_field(item, await offered(parts, item)) for item in missing.missing]
    known = incomplete(missing.wanted, missing.arguments)
    await parts.store.ask(_question(parts, asked, known, fields[0].name))
    title = f"{missing.wanted.name}: which {_words(fields[0].name)}?"
    form = Form(known, title, tuple(fields))
    return Reply(
        status="pending",
        view=(form,),
        data={"missing": [field.name for field in fields]},
        actions=(Action("cancel", "Cancel", f"{CANCEL_FORM}{known}"),),
    )


def ask_reason(understood: Understood, what: str, around: Sequence[Block]) -> Reply:
    """Return the reply that asks why a change is to be made, with what shows the change."""
    call = understood.call
    known = incomplete(understood.command, call.arguments)
    hint = "what others need to know to approve it"
    field = FormField(REASON, "Reason", hint=hint)
    again = "" if call.message.asks else ' Send the command again, with --reason "…".'
    return Reply(
        status="pending",
        view=(Text(what, style="title"), *around, Form(known, f"Why?{again}", (field,))),
        data={"missing": [REASON]},
        actions=(Action("cancel", "Cancel", f"{CANCEL_FORM}{known}"),),
    )


async def complete_answer(
    parts: Parts, asked: Identified, text: str, permitted: Callable[[Command], bool]
) -> tuple[Parsed, str] | Reply | None:
    """Return the call that ``text`` completes, with the question that it answers.

    None if no question is open; the reply if more is missing, or ``text`` is no answer.
    """
    question = await _taken(parts, asked)
    if question is None:
        return None
    try:
        parsed = parts.grammar.parse(question.command_text, permitted)
        command, arguments = parsed.command, parsed.arguments
    except MissingArguments as missing:
        command, arguments = missing.wanted, missing.arguments
    title = f"{command.name}: which {_words(question.parameter)}?"
    try:
        filled = await fill(parts, asked, command, arguments, {question.parameter: text})
    except Refusal as refusal:
        filled = Reply.refused(refusal)
    if isinstance(filled, Reply):
        return naming_question(title, filled)
    return filled, title


async def ask_in_words(parts: Parts, asked: Identified, reply: Reply) -> None:
    """Open a question for the first field of the form that a handler returned, if it did."""
    for block in reply.view if asked.message.asks else ():
        if isinstance(block, Form) and block.fields:
            with suppress(StoreUnavailable):  # the form can still be filled in
                name = block.fields[0].name
                await parts.store.ask(_question(parts, asked, block.command, name))


async def fill(
    parts: Parts,
    asked: Identified,
    command: Command,
    arguments: Mapping[str, Any],
    values: Mapping[str, str],
) -> Parsed | Reply:
    """Return the call completed with ``values``; or ask for what is still missing."""
    try:
        return parts.grammar.fill(command, arguments, values)
    except MissingArguments as still:
        return await ask(parts, asked, still)


async def call_off(parts: Parts, asked: Identified, text: str) -> Reply | None:
    """Close the open question if ``text`` calls it off; None if there is none."""
    question = await _taken(parts, asked) if text.casefold() in _CALLS_OFF else None
    return called_off(question.command_text) if question else None


def called_off(command: str) -> Reply:
    """Return the answer to a person who cancels a question for arguments of ``command``."""
    return Reply.of(f"Cancelled: {command}", "Nothing was changed.", data={"cancelled": command})


def close(parts: Parts, asked: Identified) -> None:
    """Close the open question: its form came back, or another command came."""
    if asked.message.asks:
        parts.store.close_question(_question(parts, asked))


def naming_question(question: str, reply: Reply) -> Reply:
    """Return the reply with the ``question`` that was answered below its first block."""
    if not question:
        return reply
    note = Text(f'Your answer to "{question}"', style="note")
    return replace(reply, view=(*reply.view[:1], note, *reply.view[1:]))


async def _taken(parts: Parts, asked: Identified) -> OpenQuestion | None:
    message = asked.message
    if not message.asks or message.action:
        return None
    return await parts.store.take_question(asked.person.name, message.channel, _where(message))


def _question(
    parts: Parts, asked: Identified, command_text: str = "", parameter: str = ""
) -> OpenQuestion:
    return OpenQuestion(
        person=asked.person.name,
        channel=asked.message.channel,
        conversation=_where(asked.message),
        command_text=command_text,
        parameter=parameter,
        expires=parts.clock.time() + LIFE,
    )


def _where(message: Message) -> str:
    return f"{message.conversation} {message.thread}".strip()


def _words(parameter: str) -> str:
    return parameter.replace("_", " ")


def _field(parameter: Parameter, offered: tuple[str, ...]) -> FormField:
    words = _words(parameter.name)
    label = words[:1].upper() + words[1:]
    choices = parameter.choices or (offered if len(offered) <= MOST else ())
    if choices and not (parameter.looked_up and parameter.many):
        return FormField(parameter.name, label, "choice", choices)
    if parameter.type is bool:
        return FormField(parameter.name, label, "flag")
    kind = "number" if parameter.type in (int, float) and not parameter.many else "text"
    hint = _HINTS.get(parameter.type, "")
    if parameter.many:
        hint = f"{hint}; several with commas" if hint else "several with commas"
    return FormField(parameter.name, label, kind, hint=hint)  # type: ignore[arg-type]
