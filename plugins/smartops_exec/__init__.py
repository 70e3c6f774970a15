"""Scripts from an allow-list, run on machines and reported per machine."""

from collections.abc import Iterable

from smartops import Command, Services, hookimpl

from .allowlist import AllowList
from .commands import executing, scripts
from .config import ExecConfig


@hookimpl
def config_type() -> type[ExecConfig]:
    """Return what the section may hold."""
    return ExecConfig


@hookimpl
def register_commands(config: ExecConfig, services: Services) -> Iterable[Command]:
    """Return the commands, closed over the allow-list and the clock."""
    allowed = AllowList(config.scripts)
    return [executing(config, allowed, services.clock), scripts(config, allowed)]
