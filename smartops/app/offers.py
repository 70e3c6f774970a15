"""What the plugins of an app offer, collected and checked for conflicts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smartops.annotations import Annotations
from smartops.backend import Backend, Compute
from smartops.builtin import ALERT_COMMANDS, CORE_COMMANDS, ROLE_COMMANDS, SCHEDULE_COMMANDS
from smartops.channel import Channel
from smartops.command import EMERGENCY, REASON, Command, Effect
from smartops.config import Settings
from smartops.errors import Problem, StartupError
from smartops.fleet import capabilities
from smartops.grammar import Grammar
from smartops.nearness import nearest
from smartops.plugins import Offer, Plugins
from smartops.services import Clock, Services


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything that plugins registered, with its owners; ``commands`` know theirs.

    ``useless`` are the aliases of words that no command begins with.
    """

    backends: tuple[Offer, ...]
    commands: tuple[Command, ...]
    channels: tuple[Offer, ...]
    layers: tuple[Offer, ...]
    guards: tuple[Offer, ...]
    observers: tuple[Offer, ...]
    event_sources: tuple[Offer, ...]
    sinks: tuple[Offer, ...]
    interpreters: tuple[Offer, ...]
    useless: Mapping[str, str]

    def problems(self) -> list[Problem]:
        """Return clashes and things without a name."""
        return [
            *_clashes("backend", self.backends),
            *_clashes("channel", self.channels),
            *_clashes("event source", self.event_sources),
            *_clashes("audit sink", self.sinks),
            *_unnamed(self.backends, self.channels, self.event_sources, self.sinks),
            *(_useless(alias, words, self.commands) for alias, words in self.useless.items()),
        ]


def collect(plugins: Plugins, services: Services, settings: Settings) -> Offers:
    """Call the hooks of all plugins, whose failures are among ``plugins.problems``.

    Commands get the aliases of the settings. Changes get the options for which there are settings.
    """
    aliases = settings.aliases
    options = [REASON] if settings.approvals else []
    options += [EMERGENCY] if settings.emergency else []

    def of(hook: str) -> tuple[Offer, ...]:
        return tuple(plugins.collect(hook, services=services))

    plugins.setup(services)
    backends = of("register_backends")
    commands = [
        offer.value.owned(offer.owner, plugins.prefixes.get(offer.owner, ""))
        for offer in of("register_commands")
    ]
    event_sources, channels = of("register_event_sources"), of("register_channels")
    posting = any(type(offer.value).address is not Channel.address for offer in channels)
    alerts, schedules = event_sources and ALERT_COMMANDS, posting and SCHEDULE_COMMANDS
    commands += (*(alerts or ()), *(schedules or ()))
    changes = [item for item in commands if item.effect is not Effect.READ]
    commands = [item.with_options(options) if item in changes else item for item in commands]
    roles = any(rule.for_.roles_requested for rule in settings.approvals)
    own = (*CORE_COMMANDS, *(ROLE_COMMANDS if roles else ()))
    found = [_aliased(command, aliases) for command in (*own, *commands)]
    used = {alias for _, names in found for alias in names}
    return Offers(
        backends=backends,
        commands=tuple(command for command, _ in found),
        channels=channels,
        layers=of("register_layers"),
        guards=of("register_guards"),
        observers=of("register_observers"),
        event_sources=event_sources,
        sinks=of("register_audit_sinks"),
        interpreters=of("register_interpreters"),
        useless={alias: words for alias, words in aliases.items() if alias not in used},
    )


def _aliased(command: Command, aliases: Mapping[str, str]) -> tuple[Command, Sequence[str]]:
    """Return the command with a phrase for each alias of its words, and these aliases."""
    added = [
        (alias, " ".join((alias, *phrase.split()[len(words.split()) :])))
        for alias, words in aliases.items()
        for phrase in command.phrases
        if phrase.casefold().split()[: len(words.split())] == words.casefold().split()
    ]
    phrases = [phrase for _, phrase in added]
    leads = dict.fromkeys(re.split(r" *[\[{]", phrase)[0] for phrase in phrases)
    found = replace(command, phrases=(*command.phrases, *phrases), aliases=tuple(leads))
    return found, [alias for alias, _ in added]


def _useless(alias: str, words: str, commands: Sequence[Command]) -> Problem:
    meant = nearest(words, [command.name for command in commands])
    hint = f"did you mean {meant}?" if meant else ""
    return Problem(f"no command begins with {words}", path=f"aliases.{alias}", hint=hint)


def values(offers: Iterable[Offer]) -> tuple[Any, ...]:
    """Return what is offered, without the owners."""
    return tuple(offer.value for offer in offers)


def named(offer: Offer) -> bool:
    """Whether it has a name, which the messages about other problems need."""
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


def fill(offers: Offers, clock: Clock, problems: list[Problem]) -> Mapping[type, Backend]:
    """Return the backend of each capability that commands ask for.

    Compute finds their targets, and plans show Annotations.
    What is missing or cannot be joined is added to ``problems``.
    """
    kinds = (kind for command in offers.commands for kind in command.wants.values())
    wanted: set[type] = {kind for kind in kinds if issubclass(kind, Backend)}
    wanted |= {Annotations, Compute}
    backends = values(filter(named, offers.backends))
    filled = capabilities(backends, wanted, clock, problems)
    problems += _missing_backends(offers.commands, filled)
    return filled


def _missing_backends(commands: Sequence[Command], filled: Mapping[type, Backend]) -> list[Problem]:
    """Return which commands ask for a capability that nothing offers."""
    problems = []
    for command in commands:
        required: set[type[Any]] = set(command.capabilities)
        if any(parameter.is_target for parameter in command.parameters):
            required.add(Compute)
        missing = sorted(required - set(filled), key=lambda kind: kind.__name__)
        problems += [_missing_backend(command, kind) for kind in missing]
    return problems


def _missing_backend(command: Command, kind: type[Backend]) -> Problem:
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    shipped = kind.__module__ == Backend.__module__
    return Problem(
        f"command {command.name!r} needs {article} {kind.__name__} backend, and none is loaded",
        where=f"plugin {command.owner}",
        hint=f"load a backend plugin{', such as fake' if shipped else ''}",
    )


def grammar_of(commands: Sequence[Command], problems: list[Problem]) -> Grammar | None:
    """Return the grammar of all commands, or None with the reasons added to ``problems``."""
    try:
        return Grammar(commands)
    except StartupError as error:
        problems += error.problems
        return None
