"""Microsoft Teams for SmartOps: proves, reads and answers what the Bot Framework sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import click

from smartops import Channel, Command, Services, hookimpl

from .channel import TeamsChannel
from .cli import commands_of
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
    """Return the commands that make the app package and run the simulator."""
    return commands_of(config, commands)


@hookimpl
def lifespan(app: Any) -> AbstractAsyncContextManager[None]:
    """Let the channel work in the background while the app runs."""
    return _running([item for item in app.channels if isinstance(item, TeamsChannel)], app.spawn)


@asynccontextmanager
async def _running(channels: list[TeamsChannel], spawn: Any) -> AsyncIterator[None]:
    for channel in channels:
        channel.run_with(spawn)
    yield
    for channel in channels:
        channel.run_with(None)
