"""How the machines are: what is wrong, how badly, since when, and where it is going."""

from collections.abc import Iterable

from smartops import Command, Services, hookimpl

from .command import checking
from .config import HealthConfig


@hookimpl
def config_type() -> type[HealthConfig]:
    """Return what the section may hold."""
    return HealthConfig


@hookimpl
def register_commands(config: HealthConfig, services: Services) -> Iterable[Command]:
    """Return the command, closed over the thresholds and the clock."""
    return [checking(config, services.clock)]
