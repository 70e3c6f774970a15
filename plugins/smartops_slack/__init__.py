"""Slack for SmartOps: authenticates, reads and answers what people type and click in Slack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from importlib.util import find_spec

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
def setup(config: SlackConfig, services: Services) -> Hooks:
    """Return the hooks that share the channel."""
    if find_spec("slack_sdk") is None:
        raise ModuleNotFoundError("slack-sdk is not installed: pip install 'smartops[slack]'")
    return Hooks(SlackChannel(config, services))


class Hooks:
    """The channel, and closing its connections."""

    def __init__(self, channel: SlackChannel) -> None:
        self._channel = channel

    @hookimpl
    def register_channels(self) -> Iterable[Channel]:
        """Return the channel."""
        return [self._channel]

    @hookimpl
    def lifespan(self) -> AbstractAsyncContextManager[object]:
        """Close the connections to Slack when the app stops."""
        return aclosing(self._channel)


@hookimpl
def register_cli(
    config: SlackConfig | None, commands: Callable[[], Sequence[Command]]
) -> Iterable[click.Command]:
    """Return the command that prints the app's manifest."""
    return [manifest_command(config, commands)]
