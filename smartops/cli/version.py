"""``smartops version``."""

from __future__ import annotations

import click

import smartops


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"smartops {smartops.__version__}")
