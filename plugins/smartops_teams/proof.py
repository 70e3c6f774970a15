"""Where an activity comes from: what is the Bot Framework's own, on the shared verifier.

The verifier proves the token. Here it is tied to this activity (service URL,
endorsed channel), and asked whether it is for us (tenant, host). Without that
a token for one conversation would do for any.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
from .hosts import ServiceHosts

PLATFORM = "msteams"
EMULATOR = "emulator"
LEEWAY = 300.0
"""Seconds of clock skew that the Bot Framework asks its bots to accept."""

log = logging.getLogger("smartops.teams")


@dataclass(frozen=True, slots=True)
class Proven(Claims):
    """The claims, and the activity they were compared with: what was checked is what is read."""

    activity: Activity = field(default_factory=dict)


class Proof:
    """Authenticates requests of the Bot Framework and, where allowed, of the emulator."""

    def __init__(self, config: TeamsConfig, services: Services) -> None:
        self._config = config
        self._verifier = services.verifier
        self._max_depth = services.max_depth
        self._hosts = ServiceHosts(config.hosts)
        self._framework = _framework(config)
        self._emulator = _emulator(config) if config.accept_emulator_tokens else None
        self.issuers = tuple(filter(None, (self._framework, self._emulator)))
        self._names = frozenset(name for issuer in self.issuers for name in issuer.issuers)

    def recognises(self, inbound: Inbound) -> bool:
        """Say whether the token claims to be of one of our issuers."""
        try:
            authorization = inbound.headers.get("authorization")
        except ValidationFailed:
            return False
        return self._verifier.peek_issuer(authorization) in self._names

    async def prove(self, inbound: Inbound) -> Proven:
        """Return what is proven.

        Raises AuthenticationFailed if the token does not hold or not for this
        activity, PermissionDenied if it is genuine but not for us, and
        ValidationFailed if a genuine request has no activity in its body.
        """
        verified = await self._verifier.verify(inbound.headers.get("authorization"), self.issuers)
        activity = parse_json(inbound.body, self._max_depth)
        if reason := self._unproven(verified, activity):
            log.warning("request %s is not authentic: %s", inbound.request_id, reason)
            raise AuthenticationFailed("Invalid or missing bearer token")
        if reason := self._unwanted(verified, activity):
            log.warning("request %s is not for us: %s", inbound.request_id, reason)
            raise PermissionDenied("This request is not accepted here")
        return Proven(identity=None, raw=verified.claims, activity=activity)

    def _unproven(self, verified: Verified, activity: Activity) -> str:
        """Return why the token does not vouch for this activity; empty if it does."""
        url = text_of(activity, "serviceUrl")
        if not url:
            return "the activity has no serviceUrl"
        if verified.issuer == self._emulator:
            return _unfit_caller(verified.claims, self._config.app_id)
        claim = verified.claims.get("serviceurl")
        if not isinstance(claim, str) or claim.removesuffix("/") != url.removesuffix("/"):
            return f"the token is for serviceurl {_short(claim)}, the activity has {_short(url)}"
        return ""

    def _unwanted(self, verified: Verified, activity: Activity) -> str:
        """Return why a genuine activity is not for us; empty if it is."""
        channel = platform(activity)
        if verified.issuer == self._emulator:
            if channel not in (PLATFORM, EMULATOR):
                return f"the channel is {_short(channel)}"
        elif not _endorsed(verified.key, channel):
            return f"the key is not endorsed for the channel {_short(channel)}"
        elif channel != PLATFORM:
            # Web chat and its like come with the same signature, but there the
            # client writes the sender's ids itself.
            return f"the channel is {_short(channel)}, where people's ids are not proven"
        return self._strange_tenant(activity) or self._strange_host(activity)

    def _strange_tenant(self, activity: Activity) -> str:
        stated = tenants(activity)
        if not stated:
            return "the activity names no tenant"
        if len(set(stated)) > 1:
            return f"the activity names two tenants, {_short(stated)}"
        for tenant in (stated[0], home(activity)):
            if tenant not in self._config.tenants:
                return f"the tenant {_short(tenant)} is not served"
        return ""

    def _strange_host(self, activity: Activity) -> str:
        url = text_of(activity, "serviceUrl")
        return "" if self._hosts.allows(url) else f"answers may not be sent to {_short(url)}"


def _framework(config: TeamsConfig) -> Issuer:
    return Issuer(
        name="teams",
        issuers=(config.issuer or config.preset.issuer,),
        audiences=(config.app_id,),
        metadata=config.metadata or config.preset.metadata,
        leeway=LEEWAY,
    )


def _emulator(config: TeamsConfig) -> Issuer:
    """Return the bot's own tenant. Its keys are every tenant's, so tid and iss are fixed."""
    tenant = config.own_tenant
    return Issuer(
        name="teams-emulator",
        issuers=config.preset.entra_issuers(tenant),
        audiences=(config.app_id,),
        metadata=config.emulator_metadata or config.preset.entra_metadata(tenant),
        claims={"tid": tenant},
        leeway=LEEWAY,
    )


def _unfit_caller(claims: Mapping[str, Any], app_id: str) -> str:
    """Return why an Entra token is not the bot's own; empty if it is."""
    version = text_of(claims, "ver")
    name = {"1.0": "appid", "2.0": "azp"}.get(version, "")
    if not name:
        return f"the token's ver is {_short(claims.get('ver'))}"
    caller = claims.get(name)
    if not isinstance(caller, str) or caller.lower() != app_id:
        return f"the token's {name} is {_short(caller)}"
    return ""


def _endorsed(key: Mapping[str, Any], channel: str) -> bool:
    endorsements = key.get("endorsements")
    return bool(channel) and isinstance(endorsements, list) and channel in endorsements


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
