"""``smartops can-i``: may somebody run something, and which rule says so."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smartops.errors import PermissionDenied, Refusal

from .asking import joined
from .options import configured

if TYPE_CHECKING:
    from smartops.app import Composition
    from smartops.message import Person, Place
    from smartops.middleware import Parts


@click.command(
    "can-i",
    short_help="Say whether USER may run TEXT, and why.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("user")
@click.argument("text", nargs=-1, required=True)
@configured()
@click.option(
    "--place",
    metavar="CHANNEL[/…]",
    help="Where it is said; on the first channel of the configuration by default.",
)
def can_i(user: str, text: tuple[str, ...], config: Path, place: str | None) -> int:
    """Say whether USER may run TEXT, and why, rule by rule. Nothing is run.

    USER is a name under people: or an identity such as local:user123; any other
    name is one of the local issuer's. The exit status is 1 if it is not allowed.
    """
    import anyio

    from smartops.app import App, compose
    from smartops.telemetry import configure

    configure("error")
    composition = compose(config, writes=False)

    async def ask() -> Verdict:
        with _elsewhere(composition) as aside:
            async with App(aside):
                person = _person(aside, user)
                where = _place(place or _first_channel(aside))
                return await _asked(aside.builtins.parts, person, where, joined(text))

    verdict = anyio.run(ask)
    click.echo("\n".join(verdict.lines))
    return 0 if verdict.allowed else 1


@contextmanager
def _elsewhere(composition: Composition) -> Iterator[Composition]:
    """Return the composition with a store of its own that is thrown away.

    An app on the real store would carry on with what other processes left.
    """
    from smartops.values import SecretUrl

    with tempfile.TemporaryDirectory() as folder:
        url = SecretUrl(f"sqlite:///{folder}/can-i.db")
        settings = composition.settings
        store = settings.store.model_copy(update={"url": url})
        yield replace(composition, settings=settings.model_copy(update={"store": store}))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and the lines that explain it."""

    allowed: bool
    lines: tuple[str, ...]


def _person(composition: Composition, user: str) -> Person:
    from smartops.auth.people import parse_identity
    from smartops.message import Identity, Person

    people = composition.people
    if (named := people.named(user)) is not None:
        return named
    identity = parse_identity(user)
    if identity is None:
        provider = next((item.name for item in composition.local_issuers), "console")
        identity = Identity(provider, "", user)
    return people.person(identity) or Person(str(identity), frozenset(), identity)


def _first_channel(composition: Composition) -> str:
    return next((channel.name for channel in composition.channels), "console")


def _place(written: str) -> Place:
    from smartops.message import Place

    return Place(*[*written.split("/", 3), "", "", ""][:4])


def _reason(refusal: Refusal) -> str:
    """Return the rule that denies, or what else is in the way."""
    if isinstance(refusal, PermissionDenied) and refusal.details:
        return refusal.details
    return "; ".join(filter(None, (refusal.message, refusal.details)))


async def _asked(parts: Parts, person: Person, place: Place, text: str) -> Verdict:
    """Ask the gate's own step, so that this answer and the real one cannot differ."""
    from smartops.command import Call
    from smartops.message import Message
    from smartops.middleware.authorise import CORE, authorise
    from smartops.middleware.turn import Turn
    from smartops.reply import Reply

    now = parts.clock.now()
    message = Message("", place.channel, "can-i", person.identity, place, now, secrets.token_hex(8))
    parsed = parts.grammar.parse(text, lambda _: True)
    command = parsed.command
    call = Call(command.name, parsed.arguments, person, message, parsed.text)
    turn = Turn(message, parts.clock.time(), person=person, command=command, call=call)

    async def reached(_: Turn) -> Reply:
        return Reply()

    refusal: Refusal | None = None
    try:
        await authorise(parts, reached, turn)
    except Refusal as error:
        refusal = error
    assert turn.call is not None
    classifies = parts.wired[command.name].classifies
    effect = turn.effect or (None if classifies else command.effect)
    targets = turn.call.targets if turn.effect else None
    lines = parts.policy.explain(person, command, effect, place, turn.call.arguments, targets)
    if not person.roles:
        return Verdict(False, (lines[0], "denied: nobody with this identity is known"))
    if refusal is not None:
        return Verdict(False, (*lines[:-1], f"denied: {_reason(refusal)}"))
    if command.owner == CORE:
        return Verdict(True, (*lines[:-1], "allowed: it concerns only the person who asks"))
    return Verdict(True, tuple(lines))
