"""``smartops teams manifest``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from smartops import Command, __version__

from .config import TeamsConfig

WEBSITE = "https://smartops.example"
_LONGEST_URL = 2048


def manifest_command(
    config: TeamsConfig | None, commands: Callable[[], Sequence[Command]]
) -> click.Command:
    """Return the command."""

    @click.command("manifest")
    @click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("smartops-teams.zip"),
        show_default=True,
        help="Where to write the app package.",
    )
    @click.option("--bot-id", default="", help="Without a configuration: the bot's app id.")
    @click.option("--app-id", default="", help="Id of the Teams app; without it the bot's.")
    @click.option("--app-version", default=__version__, show_default=True, help="Its version.")
    @click.option("--name", default="SmartOps", show_default=True, help="Its name in Teams.")
    @click.option(
        "--developer", default="SmartOps", show_default=True, help="Name of the developer."
    )
    @click.option("--website", default=WEBSITE, show_default=True, help="https URL about it.")
    @click.option("--privacy", default="", help="https URL; without it the website's /privacy.")
    @click.option("--terms", default="", help="https URL; without it the website's /terms.")
    def manifest(out: Path, bot_id: str, app_id: str, app_version: str, **texts: str) -> None:
        """Write the app package for Teams.

        It holds the manifest, with a menu of the commands that the configuration
        loads, and two icons.
        """
        from . import manifest as made

        bot = bot_id or (config.app_id if config else "")
        if not bot:
            raise click.UsageError("name a configuration with --config, or the bot with --bot-id")
        for page in ("privacy", "terms"):
            texts[page] = texts[page] or f"{texts['website'].rstrip('/')}/{page}"
        for url in (texts["website"], texts["privacy"], texts["terms"]):
            if not url.startswith("https://") or len(url) > _LONGEST_URL:
                raise click.UsageError(f"{url} is not an https URL")
        document = made.manifest(
            commands(), bot=bot, app=app_id or bot, version=_version(app_version), **texts
        )
        out.write_bytes(made.package(document))
        click.echo(f"{out}: upload it in Teams under Apps, Manage your apps, Upload an app")

    return manifest


def _version(version: str) -> str:
    """Return a version as the three numbers that Teams takes."""
    digits = [part for part in version.partition("+")[0].split(".") if part.isdigit()][:3]
    return ".".join([*digits, "0", "0", "0"][:3])
