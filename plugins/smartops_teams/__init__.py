"""Microsoft Teams for SmartOps, by way of the Bot Framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click

from smartops import Command, Services, hookimpl
from smartops.channels import Channel

from .channel import TeamsChannel
from .cli import manifest_command
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


@hookimpl
def register_cli(
    config: TeamsConfig | None, commands: Callable[[], Sequence[Command]]
) -> Iterable[click.Command]:
    """Return ``smartops teams manifest``."""
    return [manifest_command(config, commands)]
