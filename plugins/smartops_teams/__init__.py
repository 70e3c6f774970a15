"""Microsoft Teams for SmartOps: proves, reads and answers what the Bot Framework sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

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
