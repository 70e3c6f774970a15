"""``smartops check``: everything up to the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import configured

if TYPE_CHECKING:
    from smartops.config.settings import Settings


@click.command(short_help="Validate a configuration file.")
@configured()
def check(config: Path) -> None:
    """Validate a configuration file, without starting anything.

    Reads the file, loads its plugins, and composes the app. Prints a line with its
    place for each problem, and then exits with status 2.
    """
    from smartops.app import compose

    composition = compose(config, writes=False)
    for warning in _warnings(composition.settings):
        click.echo(f"{config}: warning: {warning}", err=True)
    plugins, commands = len(composition.plugins.names), len(composition.commands)
    click.echo(f"{config}: OK: {_counted(plugins, 'plugin')}, {_counted(commands, 'command')}")


def _warnings(settings: Settings) -> Iterator[str]:
    """Yield the missing settings without which every message is refused."""
    if not settings.rules:
        yield "rules: there are none, so every command is denied"
    if not settings.people and not settings.guests:
        yield "people: neither people nor guests are listed, so nobody is known"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
