"""An OpenID Connect issuer on 127.0.0.1, with real keys, for tests of whatever checks tokens.

::

    async with StandInIssuer.start(audience="my-app") as issuer:
        trusted = issuer.trusted(name="corp")
        verified = await verifier.verify(f"Bearer {issuer.token(sub='alice')}", (trusted,))

It serves its metadata and its JWK set over HTTP, rotates keys, goes down and
comes up again at the same address, and signs whatever a test wants signed.
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
    """Return bytes as a token carries them: base64url without padding."""
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
    """The issuer; make it with :meth:`start`.

    Everything public may be changed by a test while it runs: ``issuer`` (the
    ``iss`` of its tokens), ``audience``, ``claims`` (put into every token),
    ``keys`` (published), ``entries`` (published as they are, after the keys),
    ``metadata`` (published members; overrides the usual ones), ``status`` (of
    every answer), ``bodies`` (answers by path, in place of the usual ones).
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
        self._port = 0
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

        ``issuer`` is its own address unless given; ``members`` are extra
        members of the key's JWK set entry. Tests that start many issuers give
        a ``key``, for making one takes a while.
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
        """The address it listens on, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def metadata_url(self) -> str:
        """Where its OpenID Connect metadata is."""
        return self.url + METADATA_PATH

    @property
    def keys_url(self) -> str:
        """Where its JWK set is."""
        return self.url + KEYS_PATH

    @property
    def key(self) -> SigningKey:
        """The key it signs with: the newest."""
        return self.keys[-1]

    def trusted(self, name: str = "corp", **changes: Any) -> Issuer:
        """Return what one who trusts this issuer has in the configuration."""
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
        """Sign exactly these claims, or bytes as they are; a header of None is left out.

        ``algorithm`` is an RSA signature of JOSE, such as RS384 or PS256. The
        headers are not checked, so that they can be as wrong as a test wants.
        """
        key = key or self.key
        header = {"alg": algorithm, "typ": "JWT", "kid": key.kid, **(headers or {})}
        header = {name: value for name, value in header.items() if value is not None}
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        signed = segment(json.dumps(header).encode()) + b"." + segment(payload)
        signature = jwt.get_algorithm_by_name(algorithm).sign(signed, key.private)
        return (signed + b"." + segment(signature)).decode()

    def add_key(self, kid: str = "", **members: Any) -> SigningKey:
        """Publish one more key and sign with it from now on."""
        key = SigningKey.create(kid, **members)
        self.keys.append(key)
        return key

    def rotate(self, **members: Any) -> SigningKey:
        """Replace all keys by a new one, whose entry has the old one's extra members."""
        members = {**self.key.members, **members}
        self.keys.clear()
        return self.add_key(**members)

    async def down(self) -> None:
        """Stop listening and drop all connections; what it would serve is kept."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def up(self) -> None:
        """Listen again, at the same address as before."""
        app = web.Application()
        app.router.add_get(METADATA_PATH, self._serve_metadata)
        app.router.add_get(KEYS_PATH, self._serve_keys)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._port = runner.addresses[0][1]
        self._runner = runner

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
        self.fetches[request.path] += 1
        body = self.bodies.get(request.path) or json.dumps(document).encode()
        return web.Response(body=body, status=self.status, content_type="application/json")
