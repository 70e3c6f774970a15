"""Microsoft Teams for SmartOps: proves, reads and answers what the Bot Framework sends."""

from __future__ import annotations

from collections.abc import Iterable

from smartops import Channel, Services, hookimpl

from .channel import TeamsChannel
from .config import TeamsConfig

__all__ = ["TeamsChannel", "TeamsConfig"]


@hookimpl
def config_type() -> type[TeamsConfig]:
    """Return the model of the plugin's section."""
    return TeamsConfig


@hookimpl
def register_channels(config: TeamsConfig, services: Services) -> Iterable[Channel]:
    """Return the channel."""
    return [TeamsChannel(config, services)]
