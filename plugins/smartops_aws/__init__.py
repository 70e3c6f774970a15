"""Amazon Web Services: EC2, SSM Run Command, CloudWatch and Cost Explorer.

One backend for each account and region, and one for the bill of each account.
See the README in this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

import click

from smartops import Layer, Services, hookimpl
from smartops.backends import Backend

from .config import AwsConfig
from .kit import require_sdk
from .kit.person import for_person
from .kit.regions import Regions


@hookimpl
def config_type() -> type[AwsConfig]:
    """Return the model of the plugin's section."""
    return AwsConfig


@hookimpl
def setup(config: AwsConfig, services: Services) -> Hooks:
    """Return the hooks that share the backends; the regions are shared with other plugins."""
    require_sdk("aws")
    from .backend import backends
    from .part import Part

    made = list(backends(config, services.clock, services.kv))
    services.shared[Regions] = Regions(item.region for item in made if isinstance(item, Part))
    return Hooks(made)


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
def register_layers() -> Iterable[Layer]:
    """Return the layer that sets the person whose session makes changes."""
    return [for_person]


@hookimpl
def register_cli(
    config: AwsConfig | None, commands: Callable[[], Sequence[object]]
) -> Iterable[click.Command]:
    """Return the commands ``smartops aws …``."""
    from . import cli

    return cli.commands(config, commands)
