"""Amazon Web Services: EC2, SSM Run Command, CloudWatch and Cost Explorer.

One backend for each account and region, and one for the bill of each account.
See the README in this folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager

import click

from smartops import Layer, Services, hookimpl
from smartops.backends import Backend

from .config import AwsConfig
from .person import for_person


@hookimpl
def config_type() -> type[AwsConfig]:
    """Return the model of the plugin's section."""
    return AwsConfig


@hookimpl
def setup(config: AwsConfig, services: Services) -> Hooks:
    """Return the hooks that share the backends; the SDK is loaded, and asks AWS nothing yet."""
    try:
        from .backend import backends
    except ModuleNotFoundError as error:
        raise ImportError(f"{error.name} is missing; pip install 'smartops[aws]'") from error

    return Hooks(list(backends(config, services.clock)))


class Hooks:
    """The backends, and the end of their connections."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    @hookimpl
    def register_backends(self) -> Iterable[Backend]:
        """Return the backends."""
        return self._backends

    @hookimpl
    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Have the SDK ready before the first message, and close connections after the last."""
        from .backend import running

        return running(self._backends)


@hookimpl
def register_middleware() -> Iterable[Layer]:
    """Return the layer that tells AWS whose command it is."""
    return [for_person]


@hookimpl
def register_cli(config: AwsConfig | None) -> Iterable[click.Command]:
    """Return the commands ``smartops aws …``."""
    from .cli import commands

    return commands(config)
