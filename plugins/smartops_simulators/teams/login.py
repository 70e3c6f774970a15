"""The login: it hands out the tokens with which SmartOps calls the connector."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from aiohttp import web

from smartops import Clock

RESOURCE = "https://api.botframework.com"
TOKEN_SECONDS = 3600
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(slots=True)
class Login:
    """Checks the credentials of the bot.

    ``secret`` is the bot's; ``certificate`` (PEM) and ``federated`` (a token) are other
    credentials. ``logins`` counts the tokens handed out, ``refusals`` has the reasons of others.
    """

    app_id: str
    tenant: str
    clock: Clock
    secret: str = "simulated"  # noqa: S105
    certificate: str = ""
    federated: str = ""
    identity_header: str = ""
    logins: int = 0
    refusals: list[str] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    url: str = ""

    def revoke(self) -> None:
        self.tokens.clear()

    def holds(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        until = self.tokens.get(token)
        return scheme == "Bearer" and until is not None and self.clock.time() < until

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/identity/token", self._managed)

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        form["tenant"] = request.match_info["tenant"]
        for name, right, error, code in (
            ("tenant", self.tenant, "invalid_request", 90002),
            ("grant_type", "client_credentials", "unsupported_grant_type", 70003),
            ("scope", f"{RESOURCE}/.default", "invalid_scope", 70011),
            ("client_id", self.app_id, "unauthorized_client", 700016),
        ):
            if form.get(name, "").lower() != right.lower():
                return self._refused(400, error, code, name)
        if problem := self._unproven(form):
            return self._refused(401, "invalid_client", 7000215, problem)
        return self._granted("expires_in", TOKEN_SECONDS)

    async def _managed(self, request: web.Request) -> web.Response:
        """Answer as the identity endpoint of a service or a machine of Azure."""
        query = request.query
        if self.identity_header:
            known = request.headers.get("X-IDENTITY-HEADER") == self.identity_header
        else:
            known = request.headers.get("Metadata") == "true"
        if not known or "api-version" not in query:
            return self._refused(400, "invalid_request", 0, "header or api-version")
        if query.get("resource") != RESOURCE or query.get("client_id") != self.app_id:
            return self._refused(400, "invalid_resource", 0, "resource or client_id")
        return self._granted("expires_on", str(int(self.clock.time()) + TOKEN_SECONDS))

    def _unproven(self, form: Mapping[str, str]) -> str:
        """Return what is wrong with the credentials; empty if nothing is."""
        if "client_secret" in form:
            given, right = form["client_secret"].encode(), self.secret.encode()
            return "" if right and secrets.compare_digest(given, right) else "client_secret"
        if form.get("client_assertion_type") != ASSERTION:
            return "client_assertion_type"
        assertion = form.get("client_assertion", "")
        if self.federated and assertion == self.federated:
            return ""
        return self._badly_signed(assertion) if self.certificate else "client_assertion"

    def _badly_signed(self, assertion: str) -> str:
        from cryptography.x509 import load_pem_x509_certificate

        key = load_pem_x509_certificate(self.certificate.encode()).public_key()
        try:
            claims = jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]  # the bot's is an RSA key
                algorithms=["PS256", "RS256"],
                audience=f"{self.url}/{self.tenant}/oauth2/v2.0/token",
                issuer=self.app_id,
                subject=self.app_id,
                options={  # the times are checked below, by our clock
                    "require": ["jti"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            return f"client_assertion: {error}"
        now = self.clock.time()
        right = claims.get("nbf", now + 1) <= now < claims.get("exp", 0) <= now + 86400
        return "" if right else "client_assertion: its times"

    def _granted(self, name: str, lifetime: int | str) -> web.Response:
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.clock.time() + TOKEN_SECONDS
        self.logins += 1
        answer = {"token_type": "Bearer", name: lifetime, "access_token": token}
        return web.json_response(answer)

    def _refused(self, status: int, error: str, code: int, why: str) -> web.Response:
        self.refusals.append(why)
        body = {"error": error, "error_codes": [code], "error_description": f"AADSTS{code}: {why}"}
        return web.json_response(body, status=status)
