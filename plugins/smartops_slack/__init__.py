"""Slack for SmartOps: authenticates, reads and answers what people type and click in Slack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click

from smartops import Command, Services, hookimpl
from smartops.channels import Channel

from .channel import SlackChannel
from .cli import manifest_command
from .config import SlackConfig

__all__ = ["SlackChannel", "SlackConfig"]


@hookimpl
def config_type() -> type[SlackConfig]:
    """Return the model of the plugin's section."""
    return SlackConfig


@hookimpl
def register_channels(config: SlackConfig, services: Services) -> Iterable[Channel]:
    """Return the channel."""
    return [SlackChannel(config, services)]


@hookimpl
def register_cli(
    config: SlackConfig | None, commands: Callable[[], Sequence[Command]]
) -> Iterable[click.Command]:
    """Return the command that prints the app's manifest."""
    return [manifest_command(config, commands)]
