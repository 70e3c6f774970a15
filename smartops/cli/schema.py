"""``smartops schema``: the JSON schema of a configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import configured


@click.command()
@configured(required=False)
def schema(config: Path | None) -> None:
    """Print the JSON schema of the configuration, for editors.

    It contains the sections of the plugins that the configuration names; without a
    configuration, of all installed plugins.
    """
    from smartops.config import json_schema, read
    from smartops.errors import StartupError
    from smartops.plugins import Plugins, available

    document = read(config) if config else None
    plugins = Plugins(document.reserved("plugin") if document else {})
    plugins.load(document.plugins() if document else dict.fromkeys(available(), ""))
    models = {name: plugins.model(name) for name in plugins.names}
    if plugins.problems and config:
        raise StartupError(*plugins.problems)
    for problem in plugins.problems:
        click.echo(f"skipped: {problem}", err=True)
    click.echo(json.dumps(json_schema(models), indent=2, ensure_ascii=False))
