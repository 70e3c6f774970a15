"""``smartops slack manifest``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import click
import yaml

from smartops import Command

from .config import SlackConfig

_ADDRESS = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?", re.ASCII)
PATH = "/api/messages"


def manifest_command(
    config: SlackConfig | None, commands: Callable[[], Sequence[Command]]
) -> click.Command:
    """Return ``smartops slack manifest``."""

    @click.command("manifest")
    @click.option(
        "--url",
        default="",
        help="URL of SmartOps for Slack: https://YOUR-HOST, or with the whole path.",
    )
    @click.option("--socket-mode", is_flag=True, help="SmartOps connects to Slack; no public URL.")
    @click.option("--name", default="SmartOps", show_default=True, help="Its name in Slack.")
    @click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml")
    def manifest(url: str, socket_mode: bool, name: str, form: str) -> None:
        """Print the manifest of the Slack app.

        Paste it at https://api.slack.com/apps under Create New App, From a
        manifest. Its texts list the commands that the configuration loads.
        """
        from .manifest import manifest as made

        if url and socket_mode:
            raise click.UsageError("with --socket-mode there is no --url")
        if not url and not socket_mode and not (config and config.app_token):
            raise click.UsageError("say where Slack reaches SmartOps with --url, or --socket-mode")
        command = config.command if config else "/smartops"
        document = made(name, command, _with_path(url), commands())
        if form == "json":
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            click.echo(
                yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000).rstrip()
            )

    return manifest


def _with_path(url: str) -> str:
    """Return the URL with the path that SmartOps listens on, if it has no path."""
    if not url:
        return ""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise click.UsageError(f"{url} is not an https URL, such as https://smartops.example.com")
    return f"{url.rstrip('/')}{PATH}" if match[2] in (None, "/") else url
