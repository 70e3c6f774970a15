"""``smartops check``: everything up to the network."""

from __future__ import annotations

from pathlib import Path

import click

from .options import configured


@click.command(short_help="Say all that is wrong with a configuration.")
@configured()
def check(config: Path) -> None:
    """Say all that is wrong with a configuration, without starting anything.

    Reads the file, loads its plugins, and puts everything together. Each problem is a
    line with its place; the exit status is 2 if there is one.
    """
    from smartops.app import compose

    composition = compose(config, writes=False)
    plugins, commands = len(composition.plugins.names), len(composition.commands)
    click.echo(f"{config}: nothing wrong ({plugins} plugins, {commands} commands)")
