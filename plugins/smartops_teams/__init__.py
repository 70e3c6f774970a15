"""Microsoft Teams for SmartOps: proves, reads and answers what the Bot Framework sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import click

from smartops import Command, Runtime, Services, hookimpl
from smartops.channels import Channel

from .channel import TeamsChannel
from .cli import commands_of
from .config import TeamsConfig

__all__ = ["TeamsChannel", "TeamsConfig"]


@hookimpl
def config_type() -> type[TeamsConfig]:
    """Return the model of the plugin's section."""
    return TeamsConfig


@hookimpl
def setup(config: TeamsConfig, services: Services) -> Hooks:
    """Return the hooks that share the channel."""
    return Hooks(TeamsChannel(config, services))


class Hooks:
    """The channel, and its work in the background."""

    def __init__(self, channel: TeamsChannel) -> None:
        self._channel = channel

    @hookimpl
    def register_channels(self) -> Iterable[Channel]:
        """Return the channel."""
        return [self._channel]

    @hookimpl
    @asynccontextmanager
    async def lifespan(self, app: Runtime) -> AsyncIterator[None]:
        """Let the channel work in the background while the app runs."""
        self._channel.run_with(app.spawn)
        yield
        self._channel.run_with(None)


@hookimpl
def register_cli(
    config: TeamsConfig | None, commands: Callable[[], Sequence[Command]]
) -> Iterable[click.Command]:
    """Return the command that makes the app package."""
    return commands_of(config, commands)
