"""Discord as a channel, by interactions over HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from smartops import Secret, Services, hookimpl
from smartops.channels import Channel

from .channel import Discord
from .rest import Rest
from .signature import Signature


class DiscordConfig(BaseModel, extra="forbid"):
    """The section ``plugins.discord``; ``api`` is another address in tests only."""

    application_id: str = Field(pattern="^[0-9]+$")
    public_key: str = Field(pattern="^[0-9a-f]{64}$")
    bot_token: Secret
    api: str = "https://discord.com/api/v10"


@hookimpl
def config_type() -> type[BaseModel]:
    return DiscordConfig


@hookimpl
def register_channels(config: DiscordConfig, services: Services) -> Iterable[Channel]:
    rest = Rest(config.api, config.application_id, config.bot_token, services)
    return [Discord(Signature(config.public_key, services.clock), rest, services.clock)]
