"""An OpenID Connect issuer on 127.0.0.1, with real keys, for tests of token verification.

::

    async with StandInIssuer.start(audience="my-app") as issuer:
        trusted = issuer.trusted(name="corp")
        verified = await verifier.verify(f"Bearer {issuer.token(sub='alice')}", (trusted,))

It serves its metadata and its JWK set over HTTP, rotates keys, stops and
restarts at the same address, and signs any claims.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from smartops.services import Clock, Issuer

METADATA_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/keys"


def segment(data: bytes) -> bytes:
    """Return bytes encoded as a segment of a token: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and the extra members of its JWK set entry (such as ``endorsements``)."""

    kid: str
    private: rsa.RSAPrivateKey
    members: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, kid: str = "", **members: Any) -> Self:
        """Make a new 2048 bit RSA key; without ``kid`` it gets a random one."""
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(kid or secrets.token_urlsafe(12), private, members)

    @property
    def entry(self) -> dict[str, Any]:
        """The public JWK set entry."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        wanted = {name: public[name] for name in ("kty", "n", "e")}
        return {**wanted, "kid": self.kid, "use": "sig", **self.members}


class StandInIssuer:
    """The issuer; create it with :meth:`start`.

    A test may change all public attributes while it runs: ``issuer`` (the
    ``iss`` of its tokens), ``audience``, ``claims`` (of every token), ``keys``
    (published), ``entries`` (published unchanged, after the keys), ``metadata``
    (published members; overrides the default ones), ``status`` (of every
    response), ``bodies`` (response bodies by path; override the default ones).
    ``fetches`` counts the requests for each path.
    """

    def __init__(self, *, issuer: str, audience: str, claims: Mapping[str, Any], clock: Clock):
        self.issuer = issuer
        self.audience = audience
        self.claims = dict(claims)
        self.clock = clock
        self.keys: list[SigningKey] = []
        self.entries: list[dict[str, Any]] = []
        self.metadata: dict[str, Any] = {}
        self.status = 200
        self.bodies: dict[str, bytes] = {}
        self.fetches: Counter[str] = Counter()
        self.prefix = ""
        self._base = ""
        self._runner: web.AppRunner | None = None

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        issuer: str = "",
        audience: str = "smartops",
        claims: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        key: SigningKey | None = None,
        **members: Any,
    ) -> AsyncIterator[Self]:
        """Run an issuer with one key.

        ``issuer`` is by default its own address; ``members`` are extra members
        of the key's JWK set entry. Pass a ``key`` in tests that start many
        issuers, because generating one is slow.
        """
        self = cls(issuer=issuer, audience=audience, claims=claims or {}, clock=clock or Clock())
        key = key or SigningKey.create()
        self.keys.append(SigningKey(key.kid, key.private, {**key.members, **members}))
        await self.up()
        self.issuer = issuer or self.url
        try:
            yield self
        finally:
            await self.down()

    @property
    def url(self) -> str:
        """The address that it is served at, without a slash at the end."""
        return self._base

    @property
    def metadata_url(self) -> str:
        """The URL of its OpenID Connect metadata."""
        return self.url + METADATA_PATH

    @property
    def keys_url(self) -> str:
        """The URL of its JWK set."""
        return self.url + KEYS_PATH

    @property
    def key(self) -> SigningKey:
        """The key that signs tokens: the newest."""
        return self.keys[-1]

    def trusted(self, name: str = "corp", **changes: Any) -> Issuer:
        """Return the settings by which a verifier trusts this issuer."""
        usual = Issuer(name, (self.issuer,), (self.audience,), metadata=self.metadata_url)
        return replace(usual, **changes)

    def token(self, **overrides: Any) -> str:
        """Return a token that is valid for an hour; an override of None leaves the claim out."""
        now = int(self.clock.time())
        usual = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "user123",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "jti": secrets.token_urlsafe(8),
        }
        claims = {**usual, **self.claims, **overrides}
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def sign(
        self,
        claims: Mapping[str, Any] | bytes,
        *,
        key: SigningKey | None = None,
        algorithm: str = "RS256",
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Sign claims, or bytes unchanged; a header of None is left out.

        ``algorithm`` is a JOSE signature algorithm with RSA, such as RS384 or
        PS256. Headers are not checked, so that a test can use invalid ones.
        """
        key = key or self.key
        header = {"alg": algorithm, "typ": "JWT", "kid": key.kid, **(headers or {})}
        header = {name: value for name, value in header.items() if value is not None}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        signed = segment(json.dumps(header).encode()) + b"." + segment(payload)
        signature = jwt.get_algorithm_by_name(algorithm).sign(signed, key.private)
        return (signed + b"." + segment(signature)).decode()

    def add_key(self, kid: str = "", **members: Any) -> SigningKey:
        """Publish one more key, and sign later tokens with it."""
        key = SigningKey.create(kid, **members)
        self.keys.append(key)
        return key

    def rotate(self, **members: Any) -> SigningKey:
        """Replace all keys by a new one, with the extra members of the previous key's entry."""
        members = {**self.key.members, **members}
        self.keys.clear()
        return self.add_key(**members)

    async def down(self) -> None:
        """Stop listening and close all connections; keys and settings stay."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def up(self) -> None:
        """Listen again, at the same address as before."""
        app = web.Application()
        self.routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(self._base.rpartition(":")[2] or 0)).start()
        self.at(f"http://127.0.0.1:{runner.addresses[0][1]}")
        self._runner = runner

    def routes(self, app: web.Application, prefix: str = "") -> None:
        """Serve the metadata and the keys in another application; call :meth:`at` as well."""
        self.prefix = prefix
        app.router.add_get(prefix + METADATA_PATH, self._serve_metadata)
        app.router.add_get(prefix + KEYS_PATH, self._serve_keys)

    def at(self, url: str) -> None:
        """Set the address of the application that serves it."""
        self._base = url + self.prefix

    async def _serve_metadata(self, request: web.Request) -> web.Response:
        usual = {
            "issuer": self.issuer,
            "jwks_uri": self.keys_url,
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return self._answer(request, {**usual, **self.metadata})

    async def _serve_keys(self, request: web.Request) -> web.Response:
        return self._answer(request, {"keys": [key.entry for key in self.keys] + self.entries})

    def _answer(self, request: web.Request, document: Mapping[str, Any]) -> web.Response:
        path = request.path.removeprefix(self.prefix)
        self.fetches[path] += 1
        body = self.bodies.get(path) or json.dumps(document).encode()
        return web.Response(body=body, status=self.status, content_type="application/json")
