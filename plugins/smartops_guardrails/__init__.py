"""Freezes, locks and limits of changes: they refuse changes, and say who can lift them."""

from collections.abc import Iterable

from smartops import Command, Guard, Layer, Services, hookimpl
from smartops.backends import Annotations

from .config import GuardrailsConfig
from .freezes import Freezes
from .freezing import freezing
from .guard import Guardrails
from .holds import Holds
from .limits import Limit
from .locking import locking
from .setting import Setter


@hookimpl
def config_type() -> type[GuardrailsConfig]:
    """Return the model of the configuration section."""
    return GuardrailsConfig


@hookimpl
def setup(config: GuardrailsConfig, services: Services) -> object:
    """Return the hooks that share what people have set."""
    return _Hooks(config, services)


class _Hooks:
    def __init__(self, config: GuardrailsConfig, services: Services) -> None:
        holds = Holds(services, config.may_lift)
        freezes = Freezes(config, holds)
        self._guard = Guardrails(config, services, freezes, holds)
        self._limits = [Limit(item, config.scopes[item.scope], services) for item in config.limits]
        setter = Setter(config, services, holds)
        self._commands = (
            *freezing(config, services, freezes, holds, setter),
            *locking(config, holds, setter),
        )

    @hookimpl
    def register_backends(self) -> Iterable[Annotations]:
        return [self._guard]

    @hookimpl
    def register_commands(self) -> Iterable[Command]:
        return self._commands

    @hookimpl
    def register_guards(self) -> Iterable[Guard]:
        return [self._guard.check, *(limit.check for limit in self._limits)]

    @hookimpl
    def register_layers(self) -> Iterable[Layer]:
        return [limit.count for limit in self._limits]
