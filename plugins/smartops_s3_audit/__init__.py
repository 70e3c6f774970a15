"""The audit log in S3, where object lock lets no one change or delete it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING

from smartops import Services, hookimpl
from smartops.guards import AuditSink
from smartops_aws.kit import require_sdk

from .config import S3AuditConfig

if TYPE_CHECKING:
    from .sink import S3

__all__ = ["S3AuditConfig"]


@hookimpl
def config_type() -> type[S3AuditConfig]:
    """Return the model of the plugin's section."""
    return S3AuditConfig


@hookimpl
def setup(config: S3AuditConfig, services: Services) -> Hooks:
    """Return the hooks of the sink."""
    require_sdk("aws")
    from .sink import S3

    return Hooks(S3(config, services.clock, services.plugin))


class Hooks:
    """Hooks that share the sink."""

    def __init__(self, sink: S3) -> None:
        self._sink = sink

    @hookimpl
    def register_audit_sinks(self) -> Iterable[AuditSink]:
        """Return the sink."""
        return [self._sink]

    @hookimpl
    def lifespan(self) -> AbstractAsyncContextManager[object]:
        """Close the connections when the app stops."""
        return aclosing(self._sink)
