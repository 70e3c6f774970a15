"""How the bot proves who it is when it asks for a token: what is sent to the login."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import anyio.to_thread
import jwt

from smartops import BackendUnavailable, Clock, Refusal

from .config import TeamsConfig

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
MACHINE_ENDPOINT = "http://169.254.169.254/metadata/identity/oauth2/token"


@dataclass(frozen=True, slots=True)
class Login:
    """One request for a token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Credentials:
    """Makes the request that the bot's kind of credential needs."""

    def __init__(self, config: TeamsConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        base = (config.login_url or f"https://{config.preset.login}").rstrip("/")
        self.endpoint = f"{base}/{config.home_tenant}/oauth2/v2.0/token"

    async def login(self) -> Login:
        """Return the request; raises Refusal if the bot has no credential or it cannot be read."""
        config = self._config
        if config.managed_identity:
            return self._managed()
        if config.client_secret:
            return self._asked(client_secret=config.client_secret.reveal())
        if config.certificate:
            pem = await _contents(config.certificate)
            return self._asked(client_assertion_type=ASSERTION, client_assertion=self._signed(pem))
        if config.federated_token_file:
            token = await _token(config.federated_token_file)
            return self._asked(client_assertion_type=ASSERTION, client_assertion=token)
        raise Refusal("teams: nothing can be sent, for the bot has no credential to log in with")

    def _asked(self, **proof: str) -> Login:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self._config.app_id,
            "scope": f"{self._config.preset.resource}/.default",
            **proof,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Login("POST", self.endpoint, headers, urlencode(fields).encode())

    def _signed(self, pem: bytes) -> str:
        """Return a statement about ourselves, signed with the key of our certificate."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.x509 import load_pem_x509_certificate

        now = int(self._clock.time())
        claims = {
            "aud": self.endpoint,
            "iss": self._config.app_id,
            "sub": self._config.app_id,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "nbf": now,
            "exp": now + ASSERTION_SECONDS,
        }
        try:
            print_ = load_pem_x509_certificate(pem).fingerprint(SHA256())
            thumbprint = base64.urlsafe_b64encode(print_).rstrip(b"=").decode()
            return jwt.encode(claims, pem, "PS256", {"x5t#S256": thumbprint})
        except (ValueError, TypeError, jwt.PyJWTError) as error:  # TypeError: it has a password
            raise BackendUnavailable(
                f"teams: {self._config.certificate} holds no certificate and its RSA key; "
                "both must be in it, as PEM and without a password"
            ) from error

    def _managed(self) -> Login:
        """Return what the platform's own endpoint is asked; it knows us by our address."""
        config = self._config
        wanted = {"resource": config.preset.resource, "client_id": config.app_id}
        secret = os.environ.get("IDENTITY_HEADER", "")
        endpoint = config.identity_endpoint or os.environ.get("IDENTITY_ENDPOINT", "")
        if endpoint and secret:
            query = urlencode({"api-version": "2019-08-01", **wanted})
            return Login("GET", f"{endpoint}?{query}", {"X-IDENTITY-HEADER": secret})
        query = urlencode({"api-version": "2018-02-01", **wanted})
        return Login("GET", f"{endpoint or MACHINE_ENDPOINT}?{query}", {"Metadata": "true"})


async def _contents(path: Path) -> bytes:
    try:
        return await anyio.to_thread.run_sync(path.read_bytes)
    except OSError as error:
        raise BackendUnavailable(f"teams: {path} cannot be read: {error.strerror}") from error


async def _token(path: Path) -> str:
    content = await _contents(path)
    if not content.isascii():
        raise BackendUnavailable(f"teams: {path} holds no token, which is plain ASCII")
    return content.decode().strip()
