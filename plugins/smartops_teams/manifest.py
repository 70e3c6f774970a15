"""The app package that is uploaded to Teams: a zip file with a manifest and two icons."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smartops import Command
from smartops.channels import shortened, usage

SCHEMA = "https://developer.microsoft.com/json-schemas/teams/v1.17/MicrosoftTeams.schema.json"
ACCENT = "#1F4E79"
FOLDER = Path(__file__).parent
SCOPES = ("personal", "team", "groupChat")
MOST_COMMANDS = 10
_LONGEST_TITLE, _LONGEST_DESCRIPTION = 32, 128
_WHEN = (1980, 1, 1, 0, 0, 0)


def manifest(
    commands: Sequence[Command],
    *,
    bot: str,
    app: str,
    version: str,
    name: str,
    developer: str,
    website: str,
    privacy: str,
    terms: str,
) -> dict[str, Any]:
    """Return the manifest, which has Teams' schema 1.17; ``bot`` and ``app`` are ids."""
    listed = command_list(commands)
    return {
        "$schema": SCHEMA,
        "manifestVersion": "1.17",
        "version": version,
        "id": app,
        "developer": {
            "name": shortened(developer, 32),
            "websiteUrl": website,
            "privacyUrl": privacy,
            "termsOfUseUrl": terms,
        },
        "name": {"short": shortened(name, 30), "full": shortened(name, 100)},
        "description": {
            "short": "Run your infrastructure from chat, safely.",
            "full": "List, check, start and stop machines, and run scripts on them, from a chat or "
            "a channel. What changes something is shown first, confirmed by a button, done once, "
            "and recorded. Say help to see what you may do.",
        },
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": ACCENT,
        "bots": [
            {
                "botId": bot,
                "scopes": list(SCOPES),
                "supportsFiles": False,
                "isNotificationOnly": False,
                "commandLists": [{"scopes": [scope], "commands": listed} for scope in SCOPES],
            }
        ],
        "validDomains": [],
    }


def command_list(commands: Sequence[Command]) -> list[dict[str, str]]:
    """Return the menu of commands: help, then those of plugins, as many as Teams takes.

    Teams copies the title of the selected command into the text box, so a title is
    the words before the first argument.
    """
    listed: dict[str, str] = {}
    for command in sorted(commands, key=lambda item: (item.name != "help", item.owner == "core")):
        phrase = command.phrases[0]
        title = shortened(phrase.partition("{")[0].rstrip(" [") or command.name, _LONGEST_TITLE)
        words = command.summary if "{" not in phrase else f"{command.summary} ({usage(command)})"
        if title not in listed and len(listed) < MOST_COMMANDS:
            listed[title] = shortened(words, _LONGEST_DESCRIPTION)
    return [{"title": title, "description": text} for title, text in listed.items()]


def package(document: dict[str, Any]) -> bytes:
    """Return the app package of a manifest. The same input gives the same bytes."""
    files = {
        "manifest.json": json.dumps(document, indent=2).encode() + b"\n",
        "color.png": (FOLDER / "color.png").read_bytes(),
        "outline.png": (FOLDER / "outline.png").read_bytes(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
