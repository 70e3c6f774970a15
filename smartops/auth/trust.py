"""From the ``auth:`` section to the issuers whose tokens are trusted."""

from __future__ import annotations

from smartops.config.settings import LocalIssuerSettings, OidcIssuerSettings, Settings
from smartops.services import Clock, Issuer

from .audit_key import AuditKey
from .local import LocalIssuer


def local_issuers(
    settings: Settings, clock: Clock, *, writes: bool = True
) -> tuple[LocalIssuer, ...]:
    """Return the issuers whose tokens SmartOps makes; raises StartupError for an unusable key.

    Unless it ``writes``, a missing key is generated but not written.
    """
    return tuple(
        LocalIssuer(item, clock, writes=writes)
        for item in settings.auth.issuers
        if isinstance(item, LocalIssuerSettings)
    )


def audit_key(settings: Settings, *, writes: bool = True) -> AuditKey | None:
    """Return what signs the checkpoints of the audit log, if that is configured."""
    path = settings.audit.key
    return AuditKey(path, writes=writes) if path else None


def trusted_issuers(settings: Settings, local: tuple[LocalIssuer, ...]) -> tuple[Issuer, ...]:
    """Return the issuers whose tokens are trusted, in configuration order."""
    own = {item.name: item.as_issuer() for item in local}
    return tuple(
        _oidc(item) if isinstance(item, OidcIssuerSettings) else own[item.name]
        for item in settings.auth.issuers
    )


def _oidc(item: OidcIssuerSettings) -> Issuer:
    return Issuer(
        name=item.name,
        issuers=item.issuer,
        audiences=item.audience,
        metadata=item.metadata,
        claims=item.claims,
        subject=item.subject,
        tenant=item.tenant,
        team=item.team,
        impersonation=item.impersonation,
        roles_claim=item.roles.claim if item.roles else "",
        roles=item.roles.values if item.roles else {},
    )
