"""Who signs, and who hands out tokens: the login, the OpenID metadata and the keys."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from smartops import Clock

ISSUER = "https://api.botframework.com"
RESOURCE = "https://api.botframework.com"
ENDORSEMENTS = ("msteams", "webchat")
TOKEN_SECONDS = 3600
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Key:
    """A key the service signs with."""

    kid: str
    private: rsa.RSAPrivateKey
    endorsements: tuple[str, ...] = ENDORSEMENTS

    @classmethod
    def create(cls) -> Key:
        """Make a new key."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(secrets.token_urlsafe(12), private)

    @property
    def entry(self) -> dict[str, Any]:
        """The public entry of the JWK set."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        members = {name: public[name] for name in ("kty", "n", "e")}
        return {**members, "kid": self.kid, "use": "sig", "endorsements": list(self.endorsements)}


@dataclass(slots=True)
class Login:
    """Proves the service to the bot, and the bot to the service.

    ``secret`` is the bot's; ``certificate`` (PEM) and ``federated`` (a token) are
    other proofs it may have. ``logins`` counts the tokens handed out, ``refusals``
    says why some were not.
    """

    app_id: str
    tenant: str
    clock: Clock
    secret: str = "simulated"  # noqa: S105
    certificate: str = ""
    federated: str = ""
    identity_header: str = ""
    keys: list[Key] = field(default_factory=lambda: [Key.create()])
    logins: int = 0
    refusals: list[str] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    url: str = ""

    def rotate(self) -> None:
        """Replace the keys by a new one."""
        self.keys[:] = [Key.create()]

    def revoke(self) -> None:
        """Make every token that was handed out useless."""
        self.tokens.clear()

    def sign(self, service_url: str) -> str:
        """Return the token that goes with an activity to the bot."""
        now = int(self.clock.time())
        claims = {
            "iss": ISSUER,
            "aud": self.app_id,
            "serviceurl": service_url,
            "nbf": now - 300,
            "exp": now + TOKEN_SECONDS,
        }
        key = self.keys[-1]
        return jwt.encode(claims, key.private, "RS256", {"kid": key.kid})

    def holds(self, authorization: str) -> bool:
        """Say whether the bot's token is one that was handed out and has not expired."""
        scheme, _, token = authorization.partition(" ")
        until = self.tokens.get(token)
        return scheme == "Bearer" and until is not None and self.clock.time() < until

    def routes(self, app: web.Application) -> None:
        """Serve the login, the metadata and the keys."""
        app.router.add_get("/v1/.well-known/openidconfiguration", self._metadata)
        app.router.add_get("/v1/.well-known/keys", self._keys)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/identity/token", self._managed)

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": ISSUER,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": f"{self.url}/v1/.well-known/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.entry for key in self.keys]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if request.match_info["tenant"] != self.tenant:
            return self._refused(400, "invalid_request", 90002, "unknown tenant")
        if form.get("grant_type") != "client_credentials":
            return self._refused(400, "unsupported_grant_type", 70003, "grant_type")
        if form.get("scope") != f"{RESOURCE}/.default":
            return self._refused(400, "invalid_scope", 70011, "scope")
        if form.get("client_id", "").lower() != self.app_id:
            return self._refused(400, "unauthorized_client", 700016, "client_id")
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
        """Return why the bot has not proven itself; empty if it has."""
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
                options={  # all of this is checked below, by our clock
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            return f"client_assertion: {error}"
        now = self.clock.time()
        right = (
            claims.get("aud") == f"{self.url}/{self.tenant}/oauth2/v2.0/token"
            and claims.get("iss") == claims.get("sub") == self.app_id
            and claims.get("nbf", now + 1) <= now < claims.get("exp", 0) <= now + 86400
            and bool(claims.get("jti"))
        )
        return "" if right else "client_assertion: its claims"

    def _granted(self, name: str, lifetime: int | str) -> web.Response:
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.clock.time() + TOKEN_SECONDS
        self.logins += 1
        answer = {"token_type": "Bearer", name: lifetime, "access_token": token}
        return web.json_response(answer)

    def _refused(self, status: int, error: str, code: int, why: str) -> web.Response:
        self.refusals.append(why)
        body = {"error": error, "error_codes": [code], "error_description": f"AADSTS{code}: {why}"}
        return web.Response(status=status, body=json.dumps(body), content_type="application/json")
