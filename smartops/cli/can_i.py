"""``smartops can-i``: whether a user may run a command, and by which rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import configured, joined

if TYPE_CHECKING:
    from smartops.app import Composition
    from smartops.builtin import Permission
    from smartops.message import Person, Place


@click.command(
    "can-i",
    short_help="Explain whether USER may run TEXT.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("user")
@click.argument("text", nargs=-1, required=True)
@configured()
@click.option(
    "--place",
    metavar="CHANNEL[/…]",
    help="Channel or room to evaluate (default: first configured channel).",
)
def can_i(user: str, text: tuple[str, ...], config: Path, place: str | None) -> int:
    """Explain whether USER may run TEXT, rule by rule. Nothing is run.

    USER is a name under people: or an identity such as local:user123; any other
    name is a user of the local issuer. The exit status is 1 if it is denied.
    """
    import anyio

    from smartops.app import compose, query
    from smartops.builtin import may_run
    from smartops.telemetry import configure

    configure("error")
    composition = compose(config, writes=False)

    async def ask() -> Permission:
        person = _person(composition, user)
        where = _place(place or _first_channel(composition))
        async with query(composition) as parts:
            return await may_run(parts, person, where, joined(text))

    answer = anyio.run(ask)
    click.echo("\n".join(answer.lines))
    return 0 if answer.allowed else 1


def _person(composition: Composition, user: str) -> Person:
    from smartops.message import Identity, Person, parse_identity

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
