"""``smartops routes``: where alerts would be posted, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from .options import configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smartops.alerts import Route
    from smartops.app import Composition
    from smartops.event import Event


@click.group(short_help="Test the routes of alerts.")
def routes() -> None:
    """Test the routes of alerts in the configuration."""


@routes.command(short_help="Show where recorded events would be posted.")
@click.argument("file", type=click.File("rb"))
@configured()
@click.option("--source", metavar="NAME", help="Event source that reads FILE (default: the first).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each event.")
def test(file: BinaryIO, config: Path, source: str | None, as_json: bool) -> int:
    """Show which routes the events in FILE take; FILE is the body of a request to a webhook.

    Nothing is posted or stored. The exit status is 1 if an event takes no route.
    """
    import anyio

    from smartops.alerts import Route, alert_of
    from smartops.app import compose
    from smartops.telemetry import configure

    configure("error")
    composition = compose(config, writes=False)
    settings = composition.settings
    known = Route.all(settings.routes, settings.places)
    events = anyio.run(_read, composition, source, file.read())
    left = False
    for event in events:
        taken = [route for route in known if route.takes(alert_of(source or "", event))]
        left |= not taken
        click.echo(json.dumps(_data(event, taken)) if as_json else _text(event, taken))
    return 1 if left else 0


async def _read(composition: Composition, name: str | None, body: bytes) -> Sequence[Event]:
    from smartops.errors import Problem, StartupError, ValidationFailed
    from smartops.message import Headers, Inbound

    sources = {offer.value.name: offer.value for offer in composition.offers.event_sources}
    found = sources.get(name) if name else next(iter(sources.values()), None)
    if found is None:
        there = f"the sources are {', '.join(sources)}" if sources else "no plugin has one"
        raise StartupError(Problem(f"there is no event source {name or ''}".strip(), hint=there))
    inbound = Inbound("POST", f"/hooks/{found.name}", Headers(), body, "test")
    try:
        events: Sequence[Event] = await found.read(inbound)
    except ValidationFailed as refusal:
        raise StartupError(
            Problem(f"{found.name} cannot read the file: {refusal.message}")
        ) from None
    return events


def _data(event: Event, taken: Sequence[Route]) -> dict[str, Any]:
    return {
        "fingerprint": event.fingerprint,
        "status": event.status,
        "severity": event.severity,
        "title": event.title,
        "routes": {route.name: [str(place) for place in route.places] for route in taken},
    }


def _text(event: Event, taken: Sequence[Route]) -> str:
    where = [f"  {route.name}: {', '.join(map(str, route.places))}" for route in taken]
    title = f"{event.status} {event.severity} {event.title}".replace("  ", " ")
    return "\n".join([title, *(where or ["  no route"])])
