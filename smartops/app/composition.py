"""From a configuration file to everything that needs no network.

``compose`` finds all that is wrong at once: in the core's sections, in the
plugins' sections, in what plugins register, and in how it fits together.
``smartops check`` does this and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from smartops.auth import (
    ApprovalRules,
    AuditKey,
    Grants,
    LocalIssuer,
    People,
    Policy,
    TokenVerifier,
)
from smartops.auth.trust import audit_key, local_issuers, trusted_issuers
from smartops.backend import Backend, Compute
from smartops.channel import Channel
from smartops.command import Command
from smartops.config import Document, Settings, in_file_order, read
from smartops.errors import Problem, StartupError
from smartops.grammar import Grammar
from smartops.http import AiohttpClient
from smartops.limits import Limiter, MemoryLimiter, SharedLimiter
from smartops.masking import Masker, secrets_in
from smartops.message import Identity, parse_identity
from smartops.plugins import Plugins
from smartops.schedules import Schedule, Schedules
from smartops.services import Clock, Services
from smartops.store import Store

from .key_values import KeyValueStores
from .offers import Offers, collect, fill, grammar_of, named, values


@dataclass(frozen=True, slots=True)
class Composition:
    """A checked configuration with all its objects made, none of them started.

    ``hash`` is that of the configuration file, empty if there is none.
    """

    settings: Settings
    plugins: Plugins
    services: Services
    http: AiohttpClient
    verifier: TokenVerifier
    revoked: set[str]
    key_value_stores: KeyValueStores
    local_issuers: tuple[LocalIssuer, ...]
    audit_key: AuditKey | None
    people: People
    policy: Policy
    approvals: ApprovalRules
    backends: tuple[Backend, ...]
    compute: Compute | None
    channels: tuple[Channel, ...]
    offers: Offers
    commands: tuple[Command, ...]
    grammar: Grammar
    masker: Masker
    hash: str = ""

    @property
    def schedules(self) -> Schedules:
        """The schedules of the configuration, and the channels that can post their replies."""
        places = self.settings.places
        posting = (item.name for item in self.channels if type(item).address is not Channel.address)
        fixed = (
            Schedule(
                id=item.name,
                identity=cast("Identity", parse_identity(item.as_)),
                text=item.run,
                cron=item.cron,
                timezone=item.timezone,
                place=places.get(item.to, item.to),
                fixed=True,
            )
            for item in self.settings.schedules
        )
        return Schedules(tuple(fixed), places, frozenset(posting))

    grants: Grants = field(default_factory=Grants)


def compose(
    path: Path,
    *,
    clock: Clock | None = None,
    overrides: Mapping[str, Any] | None = None,
    writes: bool = True,
) -> Composition:
    """Read a configuration file and make everything it describes.

    Unless it ``writes``, it leaves no file behind, not even the local issuer's
    key. Raises StartupError with every problem found.
    """
    document = read(path, overrides=overrides or {})
    settings, plugins, problems = _filled(document)
    writes = writes and not problems
    try:
        made = assemble(settings, plugins, clock or Clock(), writes=writes, document=document)
    except StartupError as error:
        known = {problem.path for problem in problems}
        problems += [problem for problem in error.problems if problem.path not in known]
    if problems:
        raise StartupError(*in_file_order(map(document.placed, problems)))
    return replace(made, hash=document.hash)


def assemble(
    settings: Settings,
    plugins: Plugins,
    clock: Clock,
    *,
    writes: bool = True,
    document: Document | None = None,
) -> Composition:
    """Make everything that the settings and the loaded plugins describe.

    Rules of the ``document`` are checked against what plugins register. Raises
    StartupError with every problem found.
    """
    http, key_value_stores = AiohttpClient(), KeyValueStores()
    revoked: set[str] = set()
    policy_tags: dict[str, str] = {}
    verifier = TokenVerifier(http, clock, revoked=revoked.__contains__)
    own_issuers = local_issuers(settings, clock, writes=writes)
    services = Services(
        clock,
        http,
        verifier,
        trusted_issuers(settings, own_issuers),
        anonymous=settings.auth.anonymous,
        max_depth=settings.server.max_depth,
        policy_tags=policy_tags,
        key_value_stores=key_value_stores.key_value_store,
    )
    offers = collect(plugins, services, settings)
    problems = [*plugins.problems, *offers.problems()]
    filled = fill(offers, clock, problems)
    problems += _missing_extras(settings, clock, document)
    problems += _unmet(document, offers) if document and not plugins.problems else ()
    grammar = grammar_of(offers.commands, problems)
    if problems or grammar is None:
        raise _masker(settings, plugins, document).startup_error(problems)
    policy = Policy(settings.rules)
    policy_tags.update(policy.tag_keys(offers.commands))
    services.capabilities.update(filled)
    return Composition(
        settings=settings,
        plugins=plugins,
        services=services,
        http=http,
        verifier=verifier,
        revoked=revoked,
        key_value_stores=key_value_stores,
        local_issuers=own_issuers,
        audit_key=audit_key(settings, writes=writes),
        people=People(settings.people, settings.guests, settings.roles),
        policy=policy,
        approvals=ApprovalRules(settings.approvals, settings.emergency, settings.places),
        backends=values(offers.backends),
        compute=cast("Compute | None", filled.get(Compute)),
        channels=values(offers.channels),
        offers=offers,
        commands=offers.commands,
        grammar=grammar,
        masker=_masker(settings, plugins, document),
    )


def limiter(settings: Settings, clock: Clock) -> Limiter:
    """Return the limiter of ``limits.url``, without connecting; raises StartupError."""
    url, local = settings.limits.url.reveal(), MemoryLimiter(clock)
    return local if url == "memory" else SharedLimiter(url, clock, fallback=local)


def _masker(settings: Settings, plugins: Plugins, document: Document | None) -> Masker:
    """Return what masks the secrets of the configuration."""
    secrets = [*secrets_in(settings), *secrets_in(plugins.configs)]
    secrets += document.secrets() if document else ()
    return Masker(secrets, enabled=settings.mask_secrets)


def _missing_extras(settings: Settings, clock: Clock, document: Document | None) -> list[Problem]:
    """Return which packages are missing for the store and the limits."""
    problems: list[Problem] = []
    for make in (
        lambda: Store.check(settings.store.url.reveal()),
        lambda: limiter(settings, clock),
    ):
        try:
            make()
        except StartupError as error:
            problems += error.problems
    if document is None:
        return problems
    return [document.problem(item.path, item.text, item.hint) for item in problems]


def _unmet(document: Document, offers: Offers) -> tuple[Problem, ...]:
    """Return what is wrong with the rules; all commands and channels must be known."""
    channels = [offer.value for offer in offers.channels if named(offer)]
    posting = [item.name for item in channels if type(item).address is not Channel.address]
    return document.unmet(offers.commands, [item.name for item in channels], posting)


def _filled(document: Document) -> tuple[Settings, Plugins, list[Problem]]:
    """Load the plugins and fill every section.

    Returns the problems that do not stop further checks; raises
    StartupError with all if there are others.
    """
    problems: list[Problem] = []
    later: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = document.settings(later)
    except StartupError as error:
        problems += error.problems
    plugins = Plugins(document.reserved("plugin"), document.reserved("prefix"))
    plugins.load(document.plugins())
    for name in plugins.names:
        try:
            plugins.configs[name] = document.plugin(name, plugins.model(name))
        except StartupError as error:
            problems += error.problems
    problems += plugins.problems
    if problems or settings is None:
        masker = Masker(document.secrets(), enabled=settings is None or settings.mask_secrets)
        raise masker.startup_error(in_file_order(map(document.placed, [*problems, *later])))
    return settings, plugins, later
