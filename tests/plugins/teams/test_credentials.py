"""Every kind of credential, against a login that verifies it."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from smartops import BackendUnavailable, Refusal, Secret
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_simulators.teams import TeamsSimulator
from smartops_teams import TeamsConfig
from smartops_teams.credentials import MACHINE_ENDPOINT, token_request
from smartops_teams.tokens import Tokens

pytestmark = pytest.mark.anyio

USUAL: dict[str, Any] = {
    "app_id": "aaaaaaaa-1111-4222-8333-444444444444",
    "tenants": ["aaaaaaaa-1111-4222-8333-444444444444"],
    "client_secret": Secret("s"),
}


@pytest.fixture
async def teams() -> AsyncIterator[TeamsSimulator]:
    async with TeamsSimulator.start(clock=ManualClock()) as teams:
        yield teams


@pytest.fixture
async def http() -> AsyncIterator[AiohttpClient]:
    client = AiohttpClient()
    yield client
    await client.aclose()


def made(teams: TeamsSimulator, **settings: Any) -> TeamsConfig:
    return TeamsConfig.model_validate(teams.settings(**settings))


def tokens(teams: TeamsSimulator, http: AiohttpClient, **settings: Any) -> Tokens:
    return Tokens(made(teams, **settings), http, teams.clock)


def certificate() -> tuple[str, str]:
    """Return a certificate, and a file with it and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smartops")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(3650))
    cert = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    return cert, written(key) + cert


def written(key: Any, lock: Any = None) -> str:
    """Return a private key as a file holds it."""
    lock = lock or serialization.NoEncryption()
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock
    )
    return pem.decode()


async def test_a_client_secret(teams: TeamsSimulator, http: AiohttpClient) -> None:
    token = await tokens(teams, http, client_secret=Secret("simulated")).token()
    assert teams.login.holds(f"Bearer {token}")
    with pytest.raises(BackendUnavailable):
        await tokens(teams, http, client_secret=Secret("wrong")).token()
    assert teams.login.refusals == ["client_secret"]


async def test_a_certificate(teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path) -> None:
    teams.login.certificate, pem = certificate()
    path = tmp_path / "bot.pem"
    path.write_text(pem)
    token = await tokens(teams, http, certificate=path).token()
    assert teams.login.holds(f"Bearer {token}")
    teams.login.certificate, _ = certificate()
    with pytest.raises(BackendUnavailable):
        await tokens(teams, http, certificate=path).token()
    assert teams.login.refusals == ["client_assertion: Signature verification failed"]


@pytest.mark.parametrize("content", ["not a certificate", "no key", "elliptic key", "locked key"])
async def test_a_certificate_that_cannot_be_used(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path, content: str
) -> None:
    cert, _ = certificate()
    path = tmp_path / "bot.pem"
    if content == "not a certificate":
        path.write_text(content)
    elif content == "no key":
        path.write_text(cert)
    elif content == "elliptic key":
        path.write_text(written(ec.generate_private_key(ec.SECP256R1())) + cert)
    else:
        lock = serialization.BestAvailableEncryption(b"hunter2")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path.write_text(written(key, lock) + cert)
    with pytest.raises(BackendUnavailable, match=r"bot\.pem holds no certificate and its RSA key"):
        await tokens(teams, http, certificate=path).token()


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read"), (b"\xff\xfe", "holds no token")]
)
async def test_a_federated_token_that_cannot_be_used(
    teams: TeamsSimulator,
    http: AiohttpClient,
    tmp_path: Path,
    content: bytes | None,
    problem: str,
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BackendUnavailable, match=problem):
        await tokens(teams, http, federated_token_file=path).token()


async def test_a_federated_token_is_read_each_time(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    federated = tokens(teams, http, federated_token_file=path)
    for content in ("first", "second"):
        teams.login.federated = content
        path.write_text(f"{content}\n")
        token = await federated.token()
        assert teams.login.holds(f"Bearer {token}")
        teams.clock.advance(3600)  # type: ignore[attr-defined]
    assert teams.login.logins == 2


@pytest.mark.parametrize("header", ["", "given by the platform"])
async def test_a_managed_identity(
    teams: TeamsSimulator, http: AiohttpClient, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", header)
    teams.login.identity_header = header
    endpoint = f"{teams.url}/identity/token"
    identity = tokens(teams, http, managed_identity=True, identity_endpoint=endpoint)
    token = await identity.token()
    assert teams.login.holds(f"Bearer {token}")
    assert await identity.token() == token
    teams.clock.advance(3301)  # type: ignore[attr-defined]
    assert await identity.token() != token


async def test_the_platform_names_the_endpoint_of_its_identity(
    teams: TeamsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    monkeypatch.delenv("IDENTITY_HEADER", raising=False)
    config = made(teams, managed_identity=True)
    assert (await token_request(config, teams.clock)).url.startswith(f"{MACHINE_ENDPOINT}?")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    request = await token_request(config, teams.clock)
    assert request.url.startswith("http://127.0.0.1:1/msi?")


async def test_nothing_is_sent_without_credential(
    teams: TeamsSimulator, http: AiohttpClient
) -> None:
    assert not made(teams).sends
    with pytest.raises(Refusal, match="no credential"):
        await tokens(teams, http).token()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"managed_identity": True}, "one of these is enough: client_secret, managed_identity"),
        ({"tenants": [f"{n}" * 8 + "-1111-4222-8333-444444444444" for n in "ab"]}, "login_tenant"),
        ({"login_url": "http://login.example"}, "login_url must begin with https"),
        ({"login_url": "https://user@login.example"}, "login_url must begin with https"),
    ],
)
def test_contradictory_settings_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        TeamsConfig.model_validate({**USUAL, **settings})
