"""The manifest from which Slack creates the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smartops import Command
from smartops.channels import usage

SCOPES = (
    "app_mentions:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:write",
    "im:history",
    "im:write",
)

EVENTS = ("app_mention", "message.im")

_PURPOSE = "Run your infrastructure from chat, safely."
_ABOUT = (
    "List, check, start and stop machines, and run scripts on them, from a channel or a direct "
    "message. What changes something is shown first, confirmed by a button, done once, and "
    "recorded.\n"
)
_LONGEST_NAME = 35
_LONGEST_HINT = 1000
_LONGEST_ABOUT = 4000


def manifest(name: str, command: str, url: str, commands: Sequence[Command]) -> dict[str, Any]:
    """Return the manifest; ``url`` is where Slack sends requests, empty for Socket Mode."""
    address = {"request_url": url} if url else {}
    ordered = sorted(commands, key=lambda item: (item.owner == "core", item.name))
    slash_command = {
        "command": command,
        **({"url": url} if url else {}),
        "description": _PURPOSE,
        "usage_hint": _hint(ordered),
        "should_escape": True,
    }
    name = name[:_LONGEST_NAME]
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
            "slash_commands": [slash_command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**address, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **address},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def _hint(commands: Sequence[Command]) -> str:
    """Return the commands that fit into the hint of the slash command."""
    hint = "help"
    for command in commands:
        longer = f"{hint} | {usage(command)}"
        if command.name != "help" and len(longer) <= _LONGEST_HINT:
            hint = longer
    return hint


def _described(commands: Sequence[Command]) -> str:
    text = _ABOUT
    for command in commands:
        line = f"\n{usage(command)}: {command.summary}"
        if len(text) + len(line) <= _LONGEST_ABOUT:
            text += line
    return text
