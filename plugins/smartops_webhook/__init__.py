"""Events from any program that can post JSON.

The webhook is ``/hooks/NAME``, where NAME is the plugin's name in the configuration. Load the
plugin several times, with ``plugin: webhook``, for several senders.
"""

from __future__ import annotations

from collections.abc import Iterable

from smartops import Services, hookimpl
from smartops.channels import EventSource

from .config import WebhookConfig
from .source import Webhook

__all__ = ["Webhook", "WebhookConfig", "register_event_sources"]


@hookimpl
def config_type() -> type[WebhookConfig]:
    """Return the model of the configuration section."""
    return WebhookConfig


@hookimpl
def register_event_sources(config: WebhookConfig, services: Services) -> Iterable[EventSource]:
    """Return the webhook."""
    return [Webhook(services.plugin, config, services.clock, services.max_depth)]
