"""Arguments that are missing: asked for in a form, or in words and answered in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from smartops.backend import Instance
from smartops.command import Command, Parameter
from smartops.grammar import MissingArguments, Parsed
from smartops.reply import Form, FormField, Reply, Text, View
from smartops.store import Question

from .turn import Parts, Turn

PATIENCE = 300.0
"""For how many seconds an answer may follow a question."""

_HINTS = {
    Instance: "a name, an id or tag:KEY=VALUE",
    timedelta: "such as 30s, 5m or 1h30m",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


_CALLS_OFF = frozenset({"cancel", "no"})


async def ask(parts: Parts, turn: Turn, missing: MissingArguments) -> Reply:
    """Return the reply that asks for what is missing, and remember having asked."""
    fields = tuple(_field(parameter) for parameter in missing.missing)
    if not fields:
        raise missing  # a literal word is missing: there is nothing to be filled in
    known = parts.grammar.partial(missing.wanted, missing.arguments)
    await parts.store.ask(_question(parts, turn, known, fields[0].name))
    form = Form(known, _title(missing.wanted, missing.missing[0]), fields)
    return Reply(status="pending", view=(form,), data={"missing": [field.name for field in fields]})


async def answered(
    parts: Parts, turn: Turn, said: str, permitted: Callable[[Command], bool]
) -> Parsed | None:
    """Return the call that ``said`` completes, if it answers a question; else None."""
    question = await _taken(parts, turn)
    if question is None:
        return None
    try:
        return parts.grammar.parse(question.command_text, permitted)
    except MissingArguments as missing:
        asked = next(item for item in missing.missing if item.name == question.parameter)
        turn.answers = _title(missing.wanted, asked)
        values = {question.parameter: said}
        return parts.grammar.fill(missing.wanted, missing.arguments, values)


async def called_off(parts: Parts, turn: Turn, said: str) -> Reply | None:
    """Close the open question if ``said`` says no to it; None if there is none."""
    question = await _taken(parts, turn) if said.casefold() in _CALLS_OFF else None
    if question is None:
        return None
    cancelled = question.command_text
    return Reply.of(
        f"Cancelled: {cancelled}", "Nothing was changed.", data={"cancelled": cancelled}
    )


def close(parts: Parts, turn: Turn) -> None:
    """Close the open question: its form came back, or another command was said."""
    if turn.message.asks and turn.operation is None:
        parts.store.close_question(_question(parts, turn))


def with_question(turn: Turn, view: View) -> View:
    """Return a view that names, below its first block, the question that was answered."""
    if not turn.answers:
        return view
    return (*view[:1], Text(f'Your answer to "{turn.answers}"', style="note"), *view[1:])


async def _taken(parts: Parts, turn: Turn) -> Question | None:
    message = turn.message
    if not message.asks or turn.person is None or message.action:
        return None
    return await parts.store.take_question(turn.person.name, message.channel, _where(turn))


def _question(parts: Parts, turn: Turn, command_text: str = "", parameter: str = "") -> Question:
    assert turn.person is not None
    return Question(
        person=turn.person.name,
        channel=turn.message.channel,
        conversation=_where(turn),
        command_text=command_text,
        parameter=parameter,
        expires=parts.clock.time() + PATIENCE,
    )


def _title(command: Command, parameter: Parameter) -> str:
    return f"{command.name}: which {_words(parameter)}?"


def _where(turn: Turn) -> str:
    return f"{turn.message.conversation} {turn.message.thread}".strip()


def _words(parameter: Parameter) -> str:
    return parameter.name.replace("_", " ")


def _field(parameter: Parameter) -> FormField:
    words = _words(parameter)
    label = words[:1].upper() + words[1:]
    if parameter.choices:
        return FormField(parameter.name, label, "choice", parameter.choices)
    if parameter.type is bool:
        return FormField(parameter.name, label, "flag")
    kind = "number" if parameter.type in (int, float) and not parameter.many else "text"
    hint = _HINTS.get(parameter.type, "")
    if parameter.many:
        hint = f"{hint}; several with commas" if hint else "several with commas"
    return FormField(parameter.name, label, kind, hint=hint)  # type: ignore[arg-type]
