"""From a configuration file to everything that needs no network.

``compose`` finds all that is wrong at once: in the core's sections, in the
plugins' sections, in what plugins register, and in how it fits together.
``smartops check`` does this and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartops.auth import LocalIssuer, People, Policy, TokenVerifier
from smartops.backend import Backend, Compute
from smartops.channel import Channel
from smartops.command import Command, Layer
from smartops.config import Document, Settings, read
from smartops.errors import Problem, StartupError
from smartops.fleet import capabilities
from smartops.grammar import Grammar
from smartops.http import AiohttpClient
from smartops.interpreter import Interpreter
from smartops.middleware import Wired
from smartops.middleware.builtin import BuiltinCommands
from smartops.plugins import Offer, Plugins
from smartops.services import Clock, Services

from .shelves import Shelves
from .trust import local_issuers, trusted_issuers


@dataclass(frozen=True, slots=True)
class Composition:
    """A checked configuration with all its objects made, none of them started."""

    settings: Settings
    plugins: Plugins
    services: Services
    http: AiohttpClient
    revoked: set[str]
    shelves: Shelves
    local_issuers: tuple[LocalIssuer, ...]
    people: People
    policy: Policy
    backends: tuple[Backend, ...]
    compute: Compute | None
    channels: tuple[Channel, ...]
    layers: tuple[Layer, ...]
    interpreters: tuple[Interpreter, ...]
    builtins: BuiltinCommands
    grammar: Grammar
    wired: Mapping[str, Wired]

    @property
    def commands(self) -> tuple[Command, ...]:
        """All commands, the core's own included."""
        return tuple(wired.command for wired in self.wired.values())


def compose(
    path: Path, *, clock: Clock | None = None, overrides: Mapping[str, Any] | None = None
) -> Composition:
    """Read a configuration file and make everything it describes.

    Raises StartupError with every problem found.
    """
    document = read(path, overrides=overrides or {})
    settings, plugins = _filled(document)
    return assemble(settings, plugins, clock or Clock())


def assemble(settings: Settings, plugins: Plugins, clock: Clock) -> Composition:
    """Make everything that the settings and the loaded plugins describe.

    Raises StartupError with every problem found.
    """
    problems = plugins.problems
    http = AiohttpClient()
    revoked: set[str] = set()
    shelves = Shelves()
    verifier = TokenVerifier(http, clock, revoked=revoked.__contains__)
    own_issuers = local_issuers(settings, clock)
    issuers = trusted_issuers(settings, own_issuers)
    services = Services(
        clock,
        http,
        verifier,
        issuers,
        anonymous=settings.auth.anonymous,
        max_depth=settings.server.max_depth,
        shelf=shelves.shelf,
    )

    backends = plugins.collect("register_backends", services=services)
    builtins = BuiltinCommands()
    commands = [
        *builtins.commands(),
        *(
            offer.value.owned(offer.owner)
            for offer in plugins.collect("register_commands", services=services)
        ),
    ]
    channels = plugins.collect("register_channels", services=services)
    layers = plugins.collect("register_middleware", services=services)
    interpreters = plugins.collect("register_interpreters", services=services)

    problems += _clashes("backend", backends)
    problems += _clashes("channel", channels)
    problems += _unnamed(backends, channels)
    filled = capabilities(_values(filter(_named, backends)), clock)
    problems += _lacking(commands, filled)
    grammar = _grammar(commands, problems)
    if problems or grammar is None:
        raise StartupError(*problems)
    return Composition(
        settings=settings,
        plugins=plugins,
        services=services,
        http=http,
        revoked=revoked,
        shelves=shelves,
        local_issuers=own_issuers,
        people=People(settings.people, settings.guests, settings.roles),
        policy=Policy(settings.rules),
        backends=_values(backends),
        compute=_compute(filled),
        channels=_values(channels),
        layers=_values(layers),
        interpreters=_values(interpreters),
        builtins=builtins,
        grammar=grammar,
        wired={command.name: Wired(command, filled) for command in commands},
    )


def _filled(document: Document) -> tuple[Settings, Plugins]:
    """Load the plugins and fill every section; raises StartupError with all problems."""
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = document.settings()
    except StartupError as error:
        problems += error.problems
    plugins = Plugins()
    plugins.load(document.plugins())
    for name in plugins.names:
        try:
            plugins.configs[name] = document.plugin(name, plugins.model(name))
        except StartupError as error:
            problems += error.problems
    problems += plugins.problems
    if problems or settings is None:
        raise StartupError(*document.in_order(problems))
    return settings, plugins


def _values(offers: Iterable[Offer]) -> tuple[Any, ...]:
    return tuple(offer.value for offer in offers)


def _named(offer: Offer) -> bool:
    return bool(getattr(offer.value, "name", ""))


def _unnamed(*groups: Sequence[Offer]) -> list[Problem]:
    return [
        Problem(f"{type(offer.value).__name__} has no name", where=f"plugin {offer.owner}")
        for group in groups
        for offer in group
        if not _named(offer)
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


def _compute(filled: Mapping[type[Backend], Backend]) -> Compute | None:
    """Return what targets are looked up in."""
    return next((item for item in filled.values() if isinstance(item, Compute)), None)


def _lacking(commands: Sequence[Command], filled: Mapping[type[Backend], Backend]) -> list[Problem]:
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


def _grammar(commands: Sequence[Command], problems: list[Problem]) -> Grammar | None:
    names: dict[str, str] = {}
    for command in commands:
        if command.name in names:
            problems.append(
                Problem(
                    f"two commands are called {command.name!r}",
                    where=f"plugins {names[command.name]} and {command.owner}",
                )
            )
        names.setdefault(command.name, command.owner)
    try:
        return Grammar(commands)
    except StartupError as error:
        problems += error.problems
        return None
