"""The public test kit for plugin authors, and a pytest plugin.

Names are imported on first use, because pytest loads this package wherever
SmartOps is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bot import Bot, BotReply
    from .channels import ChannelContract, ChannelDriver
    from .clock import ManualClock
    from .issuer import StandInIssuer
    from .memory import MemoryKeyValueStore
    from .offline import http_client, offline_services
    from .serving import listening
    from .texts import RunsTextContract
    from .work import FakeWork

_HOMES = {
    "BotReply": "bot",
    "Bot": "bot",
    "ChannelContract": "channels",
    "ChannelDriver": "channels",
    "FakeWork": "work",
    "ManualClock": "clock",
    "RunsTextContract": "texts",
    "StandInIssuer": "issuer",
    "MemoryKeyValueStore": "memory",
    "http_client": "offline",
    "listening": "serving",
    "offline_services": "offline",
}

__all__ = [
    "Bot",
    "BotReply",
    "ChannelContract",
    "ChannelDriver",
    "FakeWork",
    "ManualClock",
    "MemoryKeyValueStore",
    "RunsTextContract",
    "StandInIssuer",
    "http_client",
    "listening",
    "offline_services",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"smartops.testing has no {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
