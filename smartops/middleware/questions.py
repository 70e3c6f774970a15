"""Arguments that are missing: asked for in a form, or in words and answered in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from smartops.backend import Instance
from smartops.command import Command, Parameter
from smartops.grammar import MissingArguments, Parsed
from smartops.reply import Form, FormField, Reply
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


async def ask(parts: Parts, turn: Turn, missing: MissingArguments) -> Reply:
    """Return the reply that asks for what is missing, and remember having asked."""
    assert turn.person is not None
    fields = tuple(_field(parameter) for parameter in missing.missing)
    if not fields:
        raise missing  # a literal word is missing: there is nothing to be filled in
    known = parts.grammar.partial(missing.wanted, missing.arguments)
    first = fields[0]
    message = turn.message
    await parts.store.ask(
        Question(
            person=turn.person.name,
            channel=message.channel,
            conversation=_where(turn),
            command_text=known,
            parameter=first.name,
            expires=parts.clock.time() + PATIENCE,
        )
    )
    form = Form(known, f"{missing.wanted.name}: which {_words(missing.missing[0])}?", fields)
    return Reply(status="pending", view=(form,), data={"missing": [field.name for field in fields]})


async def answered(
    parts: Parts, turn: Turn, said: str, permitted: Callable[[Command], bool]
) -> Parsed | None:
    """Return the call that ``said`` completes, if it answers a question; else None."""
    message = turn.message
    if not message.asks or turn.person is None or message.action:
        return None
    question = await parts.store.take_question(turn.person.name, message.channel, _where(turn))
    if question is None:
        return None
    try:
        return parts.grammar.parse(question.command_text, permitted)
    except MissingArguments as missing:
        values = {question.parameter: said}
        return parts.grammar.fill(missing.wanted, missing.arguments, values)


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
