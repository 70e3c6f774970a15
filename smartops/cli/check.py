"""``smartops check``: validate a configuration without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import configured

if TYPE_CHECKING:
    from smartops.app import Composition


@click.command(short_help="Validate a configuration file.")
@configured()
@click.option("-v", "--verbose", is_flag=True, help="Show the tracebacks of plugins.")
def check(config: Path, verbose: bool) -> None:
    """Validate a configuration file, without starting anything.

    Reads the file, loads its plugins, and composes the app. Prints a line with its
    place for each problem, and then exits with status 2.
    """
    from smartops.app import compose
    from smartops.config import read
    from smartops.telemetry import configure

    if verbose:
        configure("debug")
    composition = compose(config, writes=False)
    for problem in read(config).literal_secrets():
        click.echo(f"{problem.where}: warning: {problem.text}", err=True)
    for warning in warnings(composition):
        click.echo(f"{config}: warning: {warning}", err=True)
    plugins, commands = len(composition.plugins.names), len(composition.commands)
    click.echo(f"{config}: OK: {_counted(plugins, 'plugin')}, {_counted(commands, 'command')}")


def warnings(composition: Composition) -> Iterator[str]:
    """Yield why no message can be received, every one is refused, or a rule covers less."""
    from smartops.config import uncovered

    settings = composition.settings
    if not composition.channels:
        yield "no channel is enabled; add one under plugins:, for example api"
    if not settings.rules:
        yield "rules: there are none, so every command is denied"
    for rule, names in uncovered(settings.rules, composition.commands):
        yield (
            f"rules: {rule} denies by tags, which covers only calls that name targets, "
            f"and not {', '.join(names)}"
        )
    issuers = settings.auth.issuers
    giving = {item.name for item in issuers if item.kind == "oidc" and item.roles}
    known = {item.provider for item in settings.guests} | giving
    known |= {text.partition(":")[0] for it in settings.people.values() for text in it.identities}
    if not known:
        yield "people: neither people nor guests are listed, so no sender is known"
    if known and not issuers and not settings.auth.anonymous:
        for channel in composition.channels:
            if channel.name not in known:
                yield (
                    f"auth.issuers: there are none, and no person or guest is of "
                    f"{channel.name}, so every message there is refused"
                )
    for issuer in issuers if known else ():
        if issuer.name not in known:
            yield f"people: no person or guest is of the issuer {issuer.name}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
