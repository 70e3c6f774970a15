"""``smartops audit``: read the audit log in the database, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import configured

if TYPE_CHECKING:
    from smartops.config import Settings

_PAGE = 2000


@click.group(short_help="Export the audit log.")
def audit() -> None:
    """Read the audit log in the configured database."""


@audit.command(short_help="Print audit events.")
@configured()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@click.option("--since", metavar="TIME", help="Only events since then, such as 7d or 2026-11-24.")
@click.option("--until", metavar="TIME", help="Only events before then.")
@click.option("--person", metavar="NAME", help="Only what this person did.")
@click.option("--command", metavar="NAME", help="Only calls of this command.")
@click.option("--target", metavar="NAME", help="Only calls on the instance of this id or name.")
@click.option("--outcome", metavar="NAME", help="success, pending, denied or an error code.")
def export(config: Path, form: str, **options: str | None) -> None:
    """Print the audit events in the database to standard output, oldest first."""
    import anyio

    from smartops.config import read

    anyio.run(_export, read(config).settings(), form, options)


async def _export(settings: Settings, form: str, options: dict[str, str | None]) -> None:
    import csv
    import json
    import sys

    output = sys.stdout
    writer = csv.writer(output)
    first = True
    async for event in _events(settings, options):
        if form == "jsonl":
            output.write(json.dumps(event, ensure_ascii=False) + "\n")
            continue
        if first:
            writer.writerow(event)
            first = False
        writer.writerow([_cell(value) for value in event.values()])


def _cell(value: Any) -> Any:
    """Return what stands in a cell; a spreadsheet must not take it for a formula."""
    if isinstance(value, list):
        return " ".join(item["name"] or item["id"] for item in value)
    return (
        f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
    )


async def _events(
    settings: Settings, options: dict[str, str | None]
) -> AsyncIterator[dict[str, Any]]:
    """Yield the wanted events page by page."""
    from contextlib import aclosing

    from smartops.middleware import event_data, read_search
    from smartops.services import Clock
    from smartops.store import Store

    clock = Clock()
    search = read_search(clock.now(), options)
    async with aclosing(await Store.open(settings.store.url.reveal(), clock)) as store:
        last = 0
        while page := await store.audit_events(search, _PAGE, after=last):
            for event in page:
                yield event_data(event)
            last = page[-1].id
