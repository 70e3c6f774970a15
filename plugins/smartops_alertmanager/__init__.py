"""Alerts of Prometheus Alertmanager and of Grafana, by their webhooks.

The webhook is ``/hooks/NAME``, where NAME is the plugin's name in the configuration. Its proof
of origin is a bearer token.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from smartops import Services, hookimpl
from smartops.channels import EventSource, Secrets

from .source import Webhook

__all__ = ["AlertmanagerConfig", "Webhook", "register_event_sources"]


class AlertmanagerConfig(BaseModel):
    """The configuration section of the plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Secrets = Field(
        description="Bearer token that the sender must show; several while one is replaced.",
    )
    title: str = Field(
        default="summary", description="Annotation that is the title; else the alert's name is."
    )
    text: str = Field(default="description", description="Annotation that is the text.")


@hookimpl
def config_type() -> type[AlertmanagerConfig]:
    """Return the model of the configuration section."""
    return AlertmanagerConfig


@hookimpl
def register_event_sources(config: AlertmanagerConfig, services: Services) -> Iterable[EventSource]:
    """Return the webhook."""
    return [Webhook(services.plugin, config.token, config.title, config.text, services.max_depth)]
