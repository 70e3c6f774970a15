"""What all payloads of Slack have."""

from __future__ import annotations

CHANNEL = "slack"


def is_direct(channel: str) -> bool:
    """Return whether a conversation is between one person and the bot."""
    return channel.startswith("D")
