"""Commands that run scripts of an allow-list on instances."""

from collections.abc import Iterable

from smartops import Command, Services, hookimpl

from .allowlist import AllowList
from .commands import executing, scripts
from .config import ExecConfig


@hookimpl
def config_type() -> type[ExecConfig]:
    """Return the model of the configuration section."""
    return ExecConfig


@hookimpl
def register_commands(config: ExecConfig, services: Services) -> Iterable[Command]:
    """Return the commands."""
    allowed = AllowList(config.scripts)
    return [executing(config, allowed, services.clock), scripts(config, allowed)]
