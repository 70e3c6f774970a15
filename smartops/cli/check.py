"""``smartops check``: everything up to the network."""

from __future__ import annotations

from pathlib import Path

import click

from .options import configured


@click.command(short_help="Validate a configuration file.")
@configured()
def check(config: Path) -> None:
    """Validate a configuration file, without starting anything.

    Reads the file, loads its plugins, and composes the app. Prints a line with its
    place for each problem, and then exits with status 2.
    """
    from smartops.app import compose

    composition = compose(config, writes=False)
    plugins, commands = len(composition.plugins.names), len(composition.commands)
    click.echo(f"{config}: OK: {_counted(plugins, 'plugin')}, {_counted(commands, 'command')}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
