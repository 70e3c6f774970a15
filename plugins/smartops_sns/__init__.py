"""Events of AWS that Amazon SNS delivers: alarms, states of instances, health, Auto Scaling.

The webhook is ``/hooks/NAME``, where NAME is the plugin's name in the configuration. Its proof
of origin is the signature of Amazon SNS. It needs no AWS credentials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from smartops import Services, hookimpl
from smartops.channels import EventSource

from .signature import Signature
from .source import Webhook

__all__ = ["SnsConfig", "Webhook", "register_event_sources"]

Topic = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$")
]


class SnsConfig(BaseModel):
    """The configuration section of the plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: tuple[Topic, ...] = Field(
        min_length=1,
        description="ARNs of the topics whose events are read.",
    )
    severity: str = Field(
        default="warning",
        description="Severity of CloudWatch alarms, which have none of their own.",
    )


@hookimpl
def config_type() -> type[SnsConfig]:
    """Return the model of the configuration section."""
    return SnsConfig


@hookimpl
def register_event_sources(config: SnsConfig, services: Services) -> Iterable[EventSource]:
    """Return the webhook."""
    signature = Signature(services.http, services.clock)
    return [Webhook(services.plugin, config.topics, config.severity, signature, services)]
