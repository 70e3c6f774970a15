"""The manifest from which Slack makes the app: what it listens to, may do and is called."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from smartops import Command

SCOPES = (
    "app_mentions:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:write",
    "im:history",
    "im:write",
)
"""Mentions and direct messages are read, nothing else; answers, files and dialogs are sent."""

EVENTS = ("app_mention", "message.im")

_PURPOSE = "Run your infrastructure from chat, safely."
_ABOUT = (
    "List, check, start and stop machines, and run scripts on them, from a channel or a direct "
    "message. What changes something is shown first, confirmed by a button, done once, and "
    "recorded.\n"
)
_PLACE = re.compile(r"\{(\w+)[^}]*\}")
_LONGEST_NAME = 35
_LONGEST_HINT = 1000
_LONGEST_ABOUT = 4000


@dataclass(frozen=True, slots=True)
class About:
    """``url`` is where Slack sends to; empty for Socket Mode, where SmartOps connects."""

    name: str
    command: str
    url: str


def manifest(about: About, commands: Sequence[Command]) -> dict[str, Any]:
    """Return the manifest, with the commands that people can say in its texts."""
    address = {"request_url": about.url} if about.url else {}
    ordered = sorted(commands, key=lambda item: (item.owner == "core", item.name))
    slash = {
        "command": about.command,
        **({"url": about.url} if about.url else {}),
        "description": _PURPOSE,
        "usage_hint": _usage(ordered),
        "should_escape": True,
    }
    name = about.name[:_LONGEST_NAME]
    return {
        "display_information": {
            "name": name,
            "description": _PURPOSE,
            "long_description": _described(ordered),
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **address},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not about.url,
            "token_rotation_enabled": False,
        },
    }


def _usage(commands: Sequence[Command]) -> str:
    """Return what can be typed after the slash command, as much as Slack shows."""
    hint = "help"
    for command in commands:
        longer = f"{hint} | {_typed(command)}"
        if command.name != "help" and len(longer) <= _LONGEST_HINT:
            hint = longer
    return hint


def _typed(command: Command) -> str:
    """Return how a command is typed, with what is to be filled in in capitals."""
    return _PLACE.sub(lambda place: place[1].upper(), command.phrases[0])


def _described(commands: Sequence[Command]) -> str:
    text = _ABOUT
    for command in commands:
        line = f"\n{_typed(command)}: {command.summary}"
        if len(text) + len(line) <= _LONGEST_ABOUT:
            text += line
    return text


def as_json(document: dict[str, Any]) -> str:
    """Return the manifest as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_yaml(document: dict[str, Any]) -> str:
    """Return the manifest as YAML."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000).rstrip()
