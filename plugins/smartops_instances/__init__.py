"""Commands that list, show, start, stop, reboot and tag instances."""

from collections.abc import Iterable

from smartops import Command, Services, hookimpl

from .config import InstancesConfig
from .listing import listing
from .power import powers
from .show import showing
from .tags import tagging


@hookimpl
def config_type() -> type[InstancesConfig]:
    """Return the model of the configuration section."""
    return InstancesConfig


@hookimpl
def register_commands(config: InstancesConfig, services: Services) -> Iterable[Command]:
    """Return the commands."""
    return [
        listing(config, services.clock),
        showing(config, services.clock),
        *powers(config, services.clock),
        *tagging(config, services.policy_tags),
    ]
