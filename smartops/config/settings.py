"""The sections of the configuration file, typed.

Field descriptions become the JSON schema that editors use. Checks across
sections are in ``checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    StringConstraints,
)

from smartops.values import ByteSize, Secret, SecretUrl

from .fields import (
    BasePath,
    ClockTime,
    CronText,
    FileInFolder,
    IdentityText,
    LimitsUrl,
    MetadataUrl,
    Name,
    Networks,
    PersonName,
    Phrase,
    PluginSections,
    Positive,
    Section,
    StoreUrl,
    Texts,
    TimeZone,
    Word,
)
from .policy import (
    ApprovalSettings,
    EmergencySettings,
    GuestSettings,
    PersonSettings,
    RoleSettings,
    RuleSettings,
)


class ServerSettings(Section):
    """The HTTP server: its address and its limits."""

    host: Word = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=3978, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    base_path: BasePath = Field(default="", description="Prefix of every path, such as /prod.")
    max_body: ByteSize = Field(
        default=256 * 1024,
        ge=1024,
        le=64 * 2**20,
        description="Largest request body, such as 256KiB.",
    )
    max_depth: int = Field(
        default=32, ge=4, le=200, description="Deepest nesting of JSON in a request."
    )
    body_timeout: Positive = Field(
        default=timedelta(seconds=10), description="How long a client may take to send its body."
    )
    shutdown_timeout: Positive = Field(
        default=timedelta(seconds=30),
        description="How long accepted work may take to finish at shutdown.",
    )
    wait: Positive = Field(
        default=timedelta(seconds=25),
        description="How long an HTTP caller waits for an answer before it becomes pending.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For or Forwarded is used.",
    )


class StoreSettings(Section):
    """The database."""

    url: StoreUrl = Field(
        default=SecretUrl("sqlite:///smartops.db"),
        validate_default=True,
        description="sqlite:///FILE (relative to this file), or postgresql+psycopg://… for "
        "several replicas.",
    )
    retention: Positive = Field(
        default=timedelta(days=90),
        description="How long finished operations and audit events stay.",
    )


class SyslogSettings(Section):
    """Where syslog gets the audit log."""

    address: Annotated[
        str,
        StringConstraints(pattern=r"^((tls|tcp|udp)://[^/?#@\s]+:\d{1,5}|unix:///[^\s?#]+)$"),
    ] = Field(description="tls://HOST:PORT, tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH.")
    ca: FileInFolder | None = Field(
        default=None, description="Certificates that tls trusts; the system's by default."
    )


class CollectorSettings(Section):
    """Where an HTTP collector gets the audit log."""

    url: MetadataUrl = Field(description="URL to which batches are posted; https.")
    token: Secret | None = Field(default=None, description="Bearer token.")


class AuditSettings(Section):
    """How the audit log can be proven: checkpoints say how far it had come."""

    key: FileInFolder | None = Field(
        default=None,
        description="Private key (Ed25519) that signs checkpoints, generated if missing; relative "
        "to this file. Several replicas share it.",
    )
    checkpoints: FileInFolder | None = Field(
        default=None,
        description="File that gets a copy of each checkpoint; take it to another machine.",
    )
    syslog: SyslogSettings | None = Field(
        default=None, description="Syslog (RFC 5424) that gets all audit events and checkpoints."
    )
    http: CollectorSettings | None = Field(
        default=None, description="HTTP collector that gets all audit events and checkpoints."
    )


class LocalIssuerSettings(Section):
    """The built-in issuer; ``smartops token`` makes its tokens."""

    name: Name = Field(description="The provider of the identities in its tokens.")
    kind: Literal["local"]
    key: FileInFolder = Field(
        default=Path(".smartops/local.pem"),
        validate_default=True,
        description="Private key (RSA), generated if missing; relative to this file.",
    )
    issuer: Word = Field(default="https://smartops.local", description="The tokens' iss.")
    audience: Word = Field(default="smartops", description="The tokens' aud.")
    lifetime: Positive = Field(default=timedelta(days=30), description="How long a token is valid.")


class ClaimRolesSettings(Section):
    """The roles that a claim of a token gives."""

    claim: Word = Field(description="Claim with one value or a list, such as groups.")
    values: Mapping[str, Texts] = Field(
        min_length=1, description="Roles by value of the claim. Other values give none."
    )


class OidcIssuerSettings(Section):
    """An OpenID Connect issuer whose tokens are trusted."""

    name: Name = Field(description="The provider of the identities in its tokens.")
    kind: Literal["oidc"]
    issuer: Texts = Field(description="The exact values allowed in iss.")
    audience: Texts = Field(description="The values allowed in aud: who the tokens are for.")
    metadata: MetadataUrl = Field(description="URL of its OpenID Connect metadata.")
    claims: Mapping[str, str] = Field(
        default_factory=dict, description="Claims that must be present with exactly these values."
    )
    subject: Word = Field(default="sub", description="Claim that holds the person's immutable id.")
    tenant: str = Field(
        default="", description="Claim that holds the organisation, if there are several."
    )
    team: str = Field(default="", description="Claim that names the team of the shared rate limit.")
    impersonation: bool = Field(
        default=False,
        description="Tokens with the scope act may set from.id to another user of the issuer.",
    )
    roles: ClaimRolesSettings | None = Field(
        default=None, description="Roles that a claim gives, besides those of people and guests."
    )


IssuerSettings = Annotated[LocalIssuerSettings | OidcIssuerSettings, Field(discriminator="kind")]


class AuthSettings(Section):
    """How callers authenticate."""

    issuers: tuple[IssuerSettings, ...] = Field(default=(), description="The trusted issuers.")
    anonymous: bool = Field(
        default=False,
        description="Development only: requests from this machine need no token.",
    )


class WindowSettings(Section):
    """A number of requests within a time window."""

    limit: int = Field(ge=1, le=1_000_000, description="Requests within the window.")
    window: Positive = Field(description="Length of the window, such as 1m.")


def _window(limit: int, seconds: int) -> WindowSettings:
    return WindowSettings(limit=limit, window=timedelta(seconds=seconds))


class QuietSettings(Section):
    """Hours in which nothing new is posted, every day."""

    start: ClockTime = Field(alias="from", description="When they begin, such as 22:00.")
    until: ClockTime = Field(description="When they end, such as 07:00.")
    timezone: TimeZone = Field(default="UTC", description="Their time zone.")


class RouteSettings(Section):
    """Where alerts are posted. An alert takes every route whose conditions it meets."""

    name: Word = Field(description="Named in the output of `smartops routes test`.")
    when: Mapping[str, Texts] = Field(
        default_factory=dict,
        description="Values of labels, and of source and severity; with wildcards.",
    )
    to: Texts = Field(description="Places where they are posted.")
    group_by: tuple[Word, ...] = Field(
        default=("alertname",),
        description="Labels; alerts of one source with the same values share a post.",
    )
    group_wait: Positive = Field(
        default=timedelta(seconds=5), description="How long a first post waits for further alerts."
    )
    quiet: QuietSettings | None = Field(
        default=None, description="Hours in which nothing new is posted; it is when they are over."
    )
    suggest: tuple[Word, ...] = Field(
        default=(), description="Commands as buttons, with labels: check health {instance}."
    )


class ScheduleSettings(Section):
    """A command that runs at times, in a place."""

    name: Word = Field(description="Its id in `schedules`.")
    run: Word = Field(description="The command, such as check health.")
    cron: CronText = Field(description="When: five fields, such as 0 9 * * 1-5.")
    timezone: TimeZone = Field(default="UTC", description="The time zone of cron.")
    as_: IdentityText = Field(
        alias="as",
        description="The identity whose rights it has: provider:id or provider:tenant:id.",
    )
    to: Word = Field(description="The place where replies are posted.")


class LimitsSettings(Section):
    """Rate limits; a request is counted in all of them or in none."""

    url: LimitsUrl = Field(
        default=SecretUrl("memory"),
        description="memory, or redis://… or valkey://… for several replicas.",
    )
    user: WindowSettings = Field(default=_window(10, 60), description="Requests of one person.")
    team: WindowSettings = Field(
        default=_window(100, 60),
        description="Requests of one team; a person without one is a team of their own.",
    )
    burst: WindowSettings = Field(default=_window(20, 10), description="Burst limit for one team.")


class ConfirmationSettings(Section):
    """The confirmation that a change needs."""

    expires: Positive = Field(
        default=timedelta(minutes=15), description="How long it can be answered."
    )


class LogSettings(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is logged."
    )
    format: Literal["console", "json"] = Field(
        default="console", description="console for people, json for machines."
    )


class Settings(Section):
    """A configuration file. The sections of its plugins are filled one by one."""

    server: ServerSettings = Field(default_factory=ServerSettings, description="The HTTP server.")
    store: StoreSettings = Field(default_factory=StoreSettings, description="The database.")
    audit: AuditSettings = Field(default_factory=AuditSettings, description="The audit log.")
    auth: AuthSettings = Field(
        default_factory=AuthSettings, description="How callers authenticate."
    )
    people: Mapping[PersonName, PersonSettings] = Field(
        default_factory=dict, description="People by name; the names are yours to choose."
    )
    guests: tuple[GuestSettings, ...] = Field(
        default=(), description="Roles of authenticated users who are not listed in people."
    )
    roles: Mapping[str, RoleSettings] = Field(default_factory=dict, description="The roles.")
    rules: tuple[RuleSettings, ...] = Field(
        default=(), description="Who may do what. What no rule allows is denied; a deny wins."
    )
    approvals: tuple[ApprovalSettings, ...] = Field(
        default=(), description="Which calls need the approval of other people."
    )
    emergency: EmergencySettings | None = Field(
        default=None, description="Who may do without the approval of others in an emergency."
    )
    places: Mapping[Name, Word] = Field(
        default_factory=dict,
        description="Names for places (channel/tenant/team/room) where SmartOps posts.",
    )
    routes: tuple[RouteSettings, ...] = Field(default=(), description="Where alerts are posted.")
    schedules: tuple[ScheduleSettings, ...] = Field(
        default=(), description="Commands that run at times."
    )
    limits: LimitsSettings = Field(default_factory=LimitsSettings, description="Rate limits.")
    confirmation: ConfirmationSettings = Field(
        default_factory=ConfirmationSettings, description="The confirmation of a change."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="Logging.")
    mask_secrets: bool = Field(
        default=True,
        description="Mask configured secrets and well-known credentials in replies, logs and "
        "audit events.",
    )
    aliases: Mapping[Phrase, Phrase] = Field(
        default_factory=dict,
        description="Other words for those that commands begin with, such as ship: deploy.",
    )
    plugins: PluginSections = Field(
        default_factory=dict,
        description="The plugins to load, in this order, each with its section.",
    )
