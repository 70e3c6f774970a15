"""Slack for SmartOps: proves, reads and answers what an app's people say and press."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from typing import Any

import click

from smartops import Channel, Command, Services, hookimpl

from .channel import Accepting, SlackChannel
from .cli import commands_of
from .config import SlackConfig

__all__ = ["SlackChannel", "SlackConfig"]


@hookimpl
def config_type() -> type[SlackConfig]:
    """Return the model of the plugin's section."""
    return SlackConfig


@hookimpl
def register_channels(config: SlackConfig, services: Services) -> Iterable[Channel]:
    """Return the channel."""
    if find_spec("slack_sdk") is None:
        raise ModuleNotFoundError("slack-sdk is not installed: pip install 'smartops[slack]'")
    return [SlackChannel(config, services)]


@hookimpl
def register_cli(
    config: SlackConfig | None, commands: Callable[[], Sequence[Command]]
) -> Iterable[click.Command]:
    """Return the commands that make the app's manifest and run the simulator."""
    return commands_of(config, commands)


@hookimpl
def lifespan(app: Accepting) -> AbstractAsyncContextManager[Any] | None:
    """Keep the connection to Slack."""
    channels = (item for item in app.channels if isinstance(item, SlackChannel))
    channel = next(channels, None)
    return channel.running(app) if channel else None
