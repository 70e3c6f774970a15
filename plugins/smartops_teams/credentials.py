"""The request for a token, with the credential of the bot."""

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

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
MACHINE_ENDPOINT = "http://169.254.169.254/metadata/identity/oauth2/token"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One request for a token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


async def token_request(config: TeamsConfig, clock: Clock) -> TokenRequest:
    """Return the request; raises Refusal without a credential or if it cannot be read."""
    if config.managed_identity:
        return _managed_identity(config)
    if config.client_secret:
        return _client_credentials(config, client_secret=config.client_secret.reveal())
    if config.certificate:
        assertion = _signed(config, await _content(config.certificate), clock)
    elif config.federated_token_file:
        assertion = await _token(config.federated_token_file)
    else:
        raise Refusal("teams: nothing can be sent, for the bot has no credential to log in with")
    return _client_credentials(
        config, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion
    )


def _endpoint(config: TeamsConfig) -> str:
    base = (config.login_url or f"https://{config.preset.login}").rstrip("/")
    return f"{base}/{config.home_tenant}/oauth2/v2.0/token"


def _client_credentials(config: TeamsConfig, **credential: str) -> TokenRequest:
    fields = {
        "grant_type": "client_credentials",
        "client_id": config.app_id,
        "scope": f"{config.preset.issuer}/.default",
        **credential,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return TokenRequest("POST", _endpoint(config), headers, urlencode(fields).encode())


def _signed(config: TeamsConfig, pem: bytes, clock: Clock) -> str:
    """Return a client assertion, signed with the key of the certificate."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_pem_x509_certificate

    now = int(clock.time())
    claims = {
        "aud": _endpoint(config),
        "iss": config.app_id,
        "sub": config.app_id,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "nbf": now,
        "exp": now + ASSERTION_SECONDS,
    }
    try:
        fingerprint = load_pem_x509_certificate(pem).fingerprint(SHA256())
        thumbprint = base64.urlsafe_b64encode(fingerprint).rstrip(b"=").decode()
        return jwt.encode(claims, pem, "PS256", {"x5t#S256": thumbprint})
    except (ValueError, TypeError, jwt.PyJWTError) as error:  # TypeError: it has a password
        raise BackendUnavailable(
            f"teams: {config.certificate} holds no certificate and its RSA key; "
            "both must be in it, as PEM and without a password"
        ) from error


def _managed_identity(config: TeamsConfig) -> TokenRequest:
    """Return the request to the platform, which identifies the caller by its network address."""
    query = {"resource": config.preset.issuer, "client_id": config.app_id}
    secret = os.environ.get("IDENTITY_HEADER", "")
    endpoint = config.identity_endpoint or os.environ.get("IDENTITY_ENDPOINT", "")
    if endpoint and secret:
        version, headers = "2019-08-01", {"X-IDENTITY-HEADER": secret}
    else:
        endpoint = endpoint or MACHINE_ENDPOINT
        version, headers = "2018-02-01", {"Metadata": "true"}
    url = f"{endpoint}?{urlencode({'api-version': version, **query})}"
    return TokenRequest("GET", url, headers)


async def _content(path: Path) -> bytes:
    try:
        return await anyio.to_thread.run_sync(path.read_bytes)
    except OSError as error:
        raise BackendUnavailable(f"teams: {path} cannot be read: {error.strerror}") from error


async def _token(path: Path) -> str:
    content = await _content(path)
    if not content.isascii():
        raise BackendUnavailable(f"teams: {path} holds no token, which is plain ASCII")
    return content.decode().strip()
