"""The channel ``api``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from smartops import Identity, Message, Reply, Services, ValidationFailed
from smartops.channels import (
    AuthenticationFailed,
    Channel,
    Claims,
    Inbound,
    Place,
    Receipt,
    Response,
    Verified,
    dump_json,
    envelope,
    parse_json,
)

from .body import Body, read_body
from .loopback import is_from_this_machine

log = logging.getLogger("smartops.api")

PLACE = Place("api")
ANONYMOUS = "anonymous"
ACT = "act"
"""The scope of a token that allows impersonating the user named in ``from.id``."""


@dataclass(frozen=True, slots=True)
class Proven(Claims):
    """What a token proves; ``impersonates`` says that ``from.id`` may name another sender."""

    impersonates: bool = False


class ApiChannel(Channel):
    """Sends the reply to a message in the response to its request."""

    name = "api"
    fallback = True

    def __init__(self, services: Services) -> None:
        self._services = services
        self._issuers = frozenset(name for issuer in services.issuers for name in issuer.issuers)
        if services.anonymous:
            log.warning(
                "DEVELOPMENT ONLY: auth.anonymous is on: requests from this machine need no token, "
                "and may use any name"
            )

    def recognises(self, inbound: Inbound) -> bool:
        """Return whether the request has a token of one of the configured issuers."""
        try:
            authorization = inbound.headers.get("authorization")
        except ValidationFailed:
            return False
        return self._services.verifier.peek_issuer(authorization) in self._issuers

    async def authenticate(self, inbound: Inbound) -> Claims:
        """Authenticate the request by its bearer token."""
        authorization = inbound.headers.get("authorization")
        if authorization is None and self._services.anonymous:
            return _anonymous(inbound)
        verified = await self._services.verifier.verify(authorization, self._services.issuers)
        return _claims(verified)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        """Return the message in the body."""
        content_type = (inbound.headers.get("content-type") or "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            raise ValidationFailed(
                "The body must be JSON", details="Send the header Content-Type: application/json"
            )
        body = read_body(parse_json(inbound.body, self._services.max_depth))
        return Receipt((self._message(inbound, claims, body),), waits=True)

    def respond(self, messages: Sequence[Message], replies: Sequence[Reply]) -> Response:
        """Return the envelope of the reply."""
        (reply,) = replies
        status = reply.error.status if reply.error else 200
        return Response(status, dump_json(envelope(reply, self._services.clock.now())))

    def _message(self, inbound: Inbound, claims: Claims, body: Body) -> Message:
        sender, claimed = _sender(claims, body.sender)
        acting = claims.identity is not None and sender != claims.identity
        return Message(
            id=body.id,
            channel=self.name,
            conversation=body.conversation or str(sender),
            sender=sender,
            place=PLACE,
            at=self._services.clock.now(),
            request_id=inbound.request_id,
            text=body.text,
            action=body.action,
            team=claims.team,
            sender_name=body.sender_name,
            claimed=claimed,
            acting=str(claims.identity) if acting else "",
            roles=() if acting else claims.roles,
        )


def _anonymous(inbound: Inbound) -> Claims:
    if not is_from_this_machine(inbound):
        raise AuthenticationFailed("Invalid or missing bearer token")
    log.warning("DEVELOPMENT ONLY: accepted a request without a token (auth.anonymous)")
    return Claims(None, team=ANONYMOUS)


def _claims(verified: Verified) -> Claims:
    claims, issuer = verified.claims, verified.issuer
    subject = claims.get(issuer.subject)
    tenant = claims.get(issuer.tenant, "") if issuer.tenant else ""
    team = claims.get(issuer.team or "team", "")
    if not (isinstance(subject, str) and subject):
        log.warning(
            "invalid token of %s: the claim %s is missing or empty", issuer.name, issuer.subject
        )
        raise AuthenticationFailed("Invalid or missing bearer token")
    if not (isinstance(tenant, str) and isinstance(team, str)):
        log.warning("invalid token of %s: its tenant or team is not a string", issuer.name)
        raise AuthenticationFailed("Invalid or missing bearer token")
    scope = claims.get("scope")
    return Proven(
        Identity(issuer.name, tenant, subject),
        team=":".join(filter(None, (issuer.name, tenant, team))) if team else "",
        raw=claims,
        roles=_roles(verified),
        impersonates=issuer.impersonation and isinstance(scope, str) and ACT in scope.split(),
    )


def _roles(verified: Verified) -> tuple[str, ...]:
    """Return the roles that a claim gives; other values and other types give none."""
    issuer = verified.issuer
    held = verified.claims.get(issuer.roles_claim) if issuer.roles else None
    values = held if isinstance(held, list) else [held]
    known = [value for value in values if isinstance(value, str) and value in issuer.roles]
    return tuple(role for value in known for role in issuer.roles[value])


def _sender(claims: Claims, named: str) -> tuple[Identity, str]:
    """Return the authenticated sender, and the unauthenticated ``from.id`` if it differs."""
    holder = claims.identity
    if holder is None:
        return Identity(ANONYMOUS, "", named or ANONYMOUS), ""
    if named and isinstance(claims, Proven) and claims.impersonates:
        return Identity(holder.provider, holder.tenant, named), ""
    return holder, "" if named == holder.id else named
