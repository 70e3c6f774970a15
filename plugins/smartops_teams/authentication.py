"""Authentication of activities.

The shared verifier checks the token. This module checks that the token belongs to
this activity (service URL, endorsed channel) and that the activity may be served
(tenant, host). Without that a token for one conversation would be valid for any.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from smartops import PermissionDenied, Services, ValidationFailed
from smartops.channels import (
    AuthenticationFailed,
    Claims,
    Inbound,
    Issuer,
    Verified,
    parse_json,
    text_of,
)

from .activity import Activity, home, platform, tenants
from .config import TeamsConfig

PLATFORM = "msteams"
EMULATOR = "emulator"
LEEWAY = 300.0
"""Seconds of clock skew that the Bot Framework asks its bots to accept."""

log = logging.getLogger("smartops.teams")


@dataclass(frozen=True, slots=True)
class TeamsClaims(Claims):
    """The claims, and the parsed activity that they were checked against."""

    activity: Activity = field(default_factory=dict)


class Authenticator:
    """Authenticates requests of the Bot Framework and, if configured, of the emulator."""

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        self._config = config
        self._verifier = services.verifier
        self._max_depth = services.max_depth
        self._emulator = _emulator(config) if config.accept_emulator_tokens else None
        self.issuers = tuple(filter(None, (_framework(config), self._emulator)))
        self._names = frozenset(name for issuer in self.issuers for name in issuer.issuers)

    def recognises(self, inbound: Inbound) -> bool:
        """Return whether the token claims to be from one of the issuers."""
        try:
            authorization = inbound.headers.get("authorization")
        except ValidationFailed:
            return False
        return self._verifier.peek_issuer(authorization) in self._names

    async def authenticate(self, inbound: Inbound) -> TeamsClaims:
        """Return the claims of an authentic request.

        Raises AuthenticationFailed if the token is not valid for this activity,
        PermissionDenied if the activity is authentic but not served, and
        ValidationFailed if the body is no activity.
        """
        verified = await self._verifier.verify(inbound.headers.get("authorization"), self.issuers)
        activity = parse_json(inbound.body, self._max_depth)
        if reason := self._not_authentic(verified, activity):
            log.warning("request %s is not authentic: %s", inbound.request_id, reason)
            raise AuthenticationFailed("Invalid or missing bearer token")
        if reason := self._not_served(verified, activity):
            log.warning("request %s is not for us: %s", inbound.request_id, reason)
            raise PermissionDenied("This request is not accepted here")
        return TeamsClaims(identity=None, raw=verified.claims, activity=activity)

    def _not_authentic(self, verified: Verified, activity: Activity) -> str:
        """Return why the token is not valid for this activity; empty if it is."""
        url = text_of(activity, "serviceUrl")
        if not url:
            return "the activity has no serviceUrl"
        if verified.issuer == self._emulator:
            return self._not_the_bots_own(verified)
        claim = verified.claims.get("serviceurl")
        if not isinstance(claim, str) or claim.removesuffix("/") != url.removesuffix("/"):
            return f"the token is for serviceurl {_short(claim)}, the activity has {_short(url)}"
        return ""

    def _not_the_bots_own(self, verified: Verified) -> str:
        """Return why a token of Entra was not issued to the bot itself; empty if it was."""
        version = verified.claims.get("ver")
        name = "appid" if version == "1.0" else "azp" if version == "2.0" else ""
        if not name:
            return f"the token's ver is {_short(version)}"
        caller = verified.claims.get(name)
        if not isinstance(caller, str) or caller.lower() != self._config.app_id:
            return f"the token's {name} is {_short(caller)}"
        return ""

    def _not_served(self, verified: Verified, activity: Activity) -> str:
        """Return why an authentic activity is not served; empty if it is."""
        channel = platform(activity)
        if verified.issuer == self._emulator:
            if channel not in (PLATFORM, EMULATOR):
                return f"the channel is {_short(channel)}"
        elif not _endorsed(verified, channel):
            return f"the key is not endorsed for the channel {_short(channel)}"
        elif channel != PLATFORM:
            # Web chat and others have the same signature, but their clients write
            # the sender's ids themselves.
            return f"the channel is {_short(channel)}, where people's ids are not proven"
        return self._wrong_tenant(activity) or self._wrong_host(activity)

    def _wrong_tenant(self, activity: Activity) -> str:
        stated = tenants(activity)
        if not stated:
            return "the activity names no tenant"
        if len(set(stated)) > 1:
            return f"the activity names two tenants, {_short(stated)}"
        for tenant in (stated[0], home(activity)):
            if tenant not in self._config.tenants:
                return f"the tenant {_short(tenant)} is not served"
        return ""

    def _wrong_host(self, activity: Activity) -> str:
        url = text_of(activity, "serviceUrl")
        return "" if self._config.allows(url) else f"answers may not be sent to {_short(url)}"


def _framework(config: TeamsConfig) -> Issuer:
    return Issuer(
        name="teams",
        issuers=(config.issuer or config.preset.issuer,),
        audiences=(config.app_id,),
        metadata=config.metadata or config.preset.metadata,
        leeway=LEEWAY,
    )


def _emulator(config: TeamsConfig) -> Issuer:
    """Return the bot's own tenant. All tenants have the same keys, so tid and iss are fixed."""
    tenant = config.own_tenant
    return Issuer(
        name="teams-emulator",
        issuers=config.preset.entra_issuers(tenant),
        audiences=(config.app_id,),
        metadata=config.emulator_metadata or config.preset.entra_metadata(tenant),
        claims={"tid": tenant},
        leeway=LEEWAY,
    )


def _endorsed(verified: Verified, channel: str) -> bool:
    endorsements = verified.key.get("endorsements")
    return bool(channel) and isinstance(endorsements, list) and channel in endorsements


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
