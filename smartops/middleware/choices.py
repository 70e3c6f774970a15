"""Values of arguments that are known at run time only: offered, completed, and checked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio

from smartops.backend import Query
from smartops.command import Call, Command
from smartops.contained import Caught, contained
from smartops.errors import BackendUnavailable, Refusal, ValidationFailed
from smartops.nearness import near
from smartops.parameter import Parameter
from smartops.patterns import literal

from .steps import Parts

log = logging.getLogger("smartops.gate")

TIMEOUT = 5.0
"""For how many seconds the choices of a type are waited for."""

MOST = 100
"""How many choices a form shows, at most; with more, the value is typed."""

_LISTED = 10


async def choices_of(parts: Parts, parameter: Parameter, prefix: str) -> tuple[str, ...]:
    """Return the values that begin with ``prefix``; raises a refusal if they cannot be read."""
    kind: Any = parameter.type
    try:
        with parts.clock.fail_after(TIMEOUT):
            return tuple(await contained(kind.__module__, kind.choices(prefix, parts.services)))
    except TimeoutError:
        raise BackendUnavailable(f"The values of {parameter.option} cannot be read now") from None


async def offered(parts: Parts, parameter: Parameter, prefix: str = "") -> tuple[str, ...]:
    """Return what to offer to a person: nothing if the choices cannot be read."""
    if parameter.looked_up:
        with Caught(log, "the choices of %s cannot be read", parameter.option):
            try:
                return await choices_of(parts, parameter, prefix)
            except Refusal as refusal:
                log.info("no choices of %s: %s", parameter.option, refusal)
    return ()


async def check_choices(parts: Parts, command: Command, call: Call) -> None:
    """Raise ValidationFailed, with near misses, for a value that is none of the choices."""
    for parameter in parts.wired[command.name].looked_up:
        value: Any = call.arguments.get(parameter.name)
        if value is None:
            continue
        texts = [*map(str, value if parameter.many else (value,))]
        prefix = texts[0] if len(texts) == 1 else ""
        known = await choices_of(parts, parameter, prefix) if texts else ()
        for text in texts:
            if text not in known:
                raise _no_choice(parameter, text, await choices_of(parts, parameter, ""))


async def complete(
    parts: Parts, text: str, permitted: Callable[[Command], bool], *, names: bool = True
) -> list[str]:
    """Return the words that can stand where ``text`` ends, in the commands of this person.

    With ``names``, backends are asked for names of instances.
    """
    asked: dict[tuple[str, str], Parameter] = {}

    def note(parameter: Parameter, prefix: str) -> tuple[str, ...]:
        asked[parameter.name, prefix] = parameter
        return ()

    words = parts.grammar.complete(text, permitted, note)
    if not asked:
        return words
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for key, item in asked.items():
        of_target = item.is_target and names
        found[key] = await (_names(parts, key[1]) if of_target else offered(parts, item, key[1]))
    return parts.grammar.complete(
        text, permitted, lambda parameter, prefix: found[parameter.name, prefix]
    )


async def _names(parts: Parts, prefix: str) -> tuple[str, ...]:
    """Return names of instances that begin with ``prefix``; none if backends do not answer."""
    names: tuple[str, ...] = ()
    if parts.compute is not None:
        query = Query(names=(f"{literal(prefix)}*",), states=Query.EXISTING, limit=MOST)
        with suppress(Refusal), anyio.move_on_after(TIMEOUT):
            page = await parts.compute.list(query)
            names = tuple({item.name for item in page.instances if item.name})
    return names


def _no_choice(parameter: Parameter, text: str, choices: tuple[str, ...]) -> ValidationFailed:
    close = near(text, choices)
    more = len(choices) - _LISTED
    listed = ", ".join(choices[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")
    hint = f"Did you mean {close[0]}?" if close else f"It is one of: {listed}" if choices else None
    return ValidationFailed(f'{parameter.option} cannot be "{text[:60]}"', details=hint)
