"""``smartops audit``: read the audit log in the database, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from .options import configured

if TYPE_CHECKING:
    from smartops.config import Settings
    from smartops.store import Checkpoint

_PAGE = 2000


@click.group(short_help="Export or verify the audit log.")
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
@click.option("--kind", metavar="NAME", help="Only what happened, such as started or denied.")
@click.option("--approval", metavar="ID", help="Only what is about this approval.")
@click.option("--operation", metavar="ID", help="Only what is about this operation.")
def export(config: Path, form: str, **options: str | None) -> None:
    """Print the audit events in the database to standard output, oldest first."""
    import anyio

    from smartops.config import read

    anyio.run(_export, read(config).settings(), form, options)


@audit.command(short_help="Verify the audit log.")
@configured()
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="File of checkpoints that was taken elsewhere.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Public key to trust, instead of audit.key of the configuration.",
)
def verify(config: Path, checkpoints: Sequence[IO[str]], public_key: Path | None) -> int:
    """Verify that no audit event was changed, removed, inserted or moved.

    The exit status is 1 if one was. Give --checkpoint to find that the end was cut off, or that
    an older copy of the database was restored.
    """
    from smartops.config import read
    from smartops.store import split_notes, verify_audit_log

    settings = read(config).settings()
    trusts = _trusts(settings, public_key)
    held = [note for file in checkpoints for note in split_notes(file.read())]
    report = verify_audit_log(settings.store.url.reveal(), trusts, held)
    for finding in report.findings:
        click.echo(f"FOUND: {finding}")
    click.echo(
        f"{report.events} events in {report.chains} chains, {report.checkpoints} checkpoints: "
        + ("NOT AS IT WAS WRITTEN" if report.findings else "unchanged")
    )
    if report.unchained:
        click.echo(f"{report.unchained} events are older than the chains, and are not verified")
    if trusts is None:
        click.echo("The checkpoints are not signed: set audit.key", err=True)
    return 1 if report.findings else 0


@audit.command(short_help="Print the public key.")
@configured()
def key(config: Path) -> None:
    """Print the public key of the checkpoints, with which others can verify them."""
    from smartops.auth import AuditKey
    from smartops.auth.audit_key import public_pem
    from smartops.config import read

    path = read(config).settings().audit.key
    if path is None:
        raise click.UsageError("the configuration has no audit.key")
    for public in AuditKey(path).public:
        click.echo(public_pem(public), nl=False)


def _trusts(settings: Settings, public_key: Path | None) -> Callable[[Checkpoint], bool] | None:
    """Return whether a checkpoint is signed by a known key; None if no key is known."""
    from smartops.auth import AuditKey
    from smartops.auth.audit_key import read_public, verifier

    if public_key is not None:
        publics = read_public(public_key)
    elif settings.audit.key is not None:
        publics = AuditKey(settings.audit.key, writes=False).public
    else:
        return None
    valid = verifier(publics)
    return lambda checkpoint: valid(checkpoint.content.encode(), checkpoint.signature)


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

    from smartops.builtin import event_data, read_search
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
