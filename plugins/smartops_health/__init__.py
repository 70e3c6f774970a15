"""The health of instances: issues with their severity and duration, and trends."""

from collections.abc import Iterable

from smartops import Command, Services, hookimpl

from .command import checking
from .config import HealthConfig


@hookimpl
def config_type() -> type[HealthConfig]:
    """Return the model of the configuration section."""
    return HealthConfig


@hookimpl
def register_commands(config: HealthConfig, services: Services) -> Iterable[Command]:
    """Return the command ``check health``."""
    return [checking(config, services.clock)]
