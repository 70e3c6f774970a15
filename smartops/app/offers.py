"""What the plugins of an app offer, collected and held against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smartops.backend import Backend, Compute
from smartops.command import Command
from smartops.errors import Problem, StartupError
from smartops.grammar import Grammar
from smartops.plugins import Offer, Plugins
from smartops.services import Services


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything that plugins registered, with its owners; ``commands`` know theirs."""

    backends: tuple[Offer, ...]
    commands: tuple[Command, ...]
    channels: tuple[Offer, ...]
    layers: tuple[Offer, ...]
    interpreters: tuple[Offer, ...]

    def problems(self) -> list[Problem]:
        """Return clashes and things without a name."""
        return [
            *_clashes("backend", self.backends),
            *_clashes("channel", self.channels),
            *_unnamed(self.backends, self.channels),
        ]


def collect(plugins: Plugins, services: Services, own: Sequence[Command]) -> Offers:
    """Call the hooks of all plugins, whose failures are among ``plugins.problems``.

    ``own`` are the core's commands.
    """

    def of(hook: str) -> tuple[Offer, ...]:
        return tuple(plugins.collect(hook, services=services))

    plugins.setup(services)
    backends = of("register_backends")
    commands = [offer.value.owned(offer.owner) for offer in of("register_commands")]
    return Offers(
        backends=backends,
        commands=(*own, *commands),
        channels=of("register_channels"),
        layers=of("register_middleware"),
        interpreters=of("register_interpreters"),
    )


def values(offers: Iterable[Offer]) -> tuple[Any, ...]:
    """Return what is offered, without the owners."""
    return tuple(offer.value for offer in offers)


def named(offer: Offer) -> bool:
    """Whether what is offered has a name, so that more can be said about it."""
    return bool(getattr(offer.value, "name", ""))


def _unnamed(*groups: Sequence[Offer]) -> list[Problem]:
    return [
        Problem(f"{type(offer.value).__name__} has no name", where=f"plugin {offer.owner}")
        for group in groups
        for offer in group
        if not named(offer)
    ]


def _clashes(kind: str, offers: Sequence[Offer]) -> list[Problem]:
    owners: dict[str, str] = {}
    problems = []
    for offer in offers:
        name = getattr(offer.value, "name", "")
        if name in owners:
            both = " and ".join(dict.fromkeys((owners[name], offer.owner)))
            problems.append(
                Problem(
                    f"two {kind}s are called {name}", where=f"plugins {both}", hint="rename one"
                )
            )
        owners.setdefault(name, offer.owner)
    return problems


def missing_backends(
    commands: Sequence[Command], filled: Mapping[type[Backend], Backend]
) -> list[Problem]:
    """Return which commands ask for a capability that nothing offers."""
    problems = []
    for command in commands:
        wanted: set[type[Any]] = set(command.capabilities)
        if any(parameter.is_target for parameter in command.parameters):
            wanted.add(Compute)
        problems += [
            Problem(
                f"command {command.name!r} needs a {kind.__name__} backend, and none is loaded",
                where=f"plugin {command.owner}",
                hint="load a backend plugin, such as fake",
            )
            for kind in sorted(wanted - set(filled), key=lambda kind: kind.__name__)
        ]
    return problems


def grammar_of(commands: Sequence[Command], problems: list[Problem]) -> Grammar | None:
    """Return the grammar of all commands, or None with the reasons added to ``problems``."""
    try:
        return Grammar(commands)
    except StartupError as error:
        problems += error.problems
        return None
