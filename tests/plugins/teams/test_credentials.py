"""Every way the bot proves itself to the login, against one that checks."""

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
from smartops_teams.credentials import MACHINE_ENDPOINT, Credentials
from smartops_teams.tokens import Tokens

pytestmark = pytest.mark.anyio


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
    return Tokens(Credentials(made(teams, **settings), teams.clock), http, teams.clock)


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


async def test_a_secret(teams: TeamsSimulator, http: AiohttpClient) -> None:
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


async def test_a_certificate_that_is_none(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "bot.pem"
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        await tokens(teams, http, certificate=path).token()
    path.write_text("not a certificate")
    with pytest.raises(BackendUnavailable, match="holds no certificate"):
        await tokens(teams, http, certificate=path).token()


@pytest.mark.parametrize("content", ["only the certificate", "key of another kind", "locked key"])
async def test_a_certificate_whose_key_cannot_be_used(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path, content: str
) -> None:
    cert, pem = certificate()
    if content == "only the certificate":
        pem = cert
    elif content == "key of another kind":
        pem = written(ec.generate_private_key(ec.SECP256R1())) + cert
    else:
        lock = serialization.BestAvailableEncryption(b"hunter2")
        pem = written(rsa.generate_private_key(public_exponent=65537, key_size=2048), lock) + cert
    path = tmp_path / "bot.pem"
    path.write_text(pem)
    with pytest.raises(BackendUnavailable, match=r"bot\.pem .* RSA key"):
        await tokens(teams, http, certificate=path).token()


async def test_a_federated_token_that_is_none(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BackendUnavailable, match="holds no token"):
        await tokens(teams, http, federated_token_file=path).token()


async def test_a_federated_token_is_read_each_time(
    teams: TeamsSimulator, http: AiohttpClient, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    kept = tokens(teams, http, federated_token_file=path)
    for content in ("first", "second"):
        teams.login.federated = content
        path.write_text(f"{content}\n")
        token = await kept.token()
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
    kept = tokens(teams, http, managed_identity=True, identity_endpoint=endpoint)
    token = await kept.token()
    assert teams.login.holds(f"Bearer {token}")
    assert await kept.token() == token
    teams.clock.advance(3301)  # type: ignore[attr-defined]
    assert await kept.token() != token


async def test_the_platform_says_where_its_identity_is(
    teams: TeamsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    monkeypatch.delenv("IDENTITY_HEADER", raising=False)
    credentials = Credentials(made(teams, managed_identity=True), teams.clock)
    assert (await credentials.login()).url.startswith(f"{MACHINE_ENDPOINT}?")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    assert (await credentials.login()).url.startswith("http://127.0.0.1:1/msi?")


async def test_none(teams: TeamsSimulator, http: AiohttpClient) -> None:
    assert not made(teams).speaks
    with pytest.raises(Refusal, match="no credential"):
        await tokens(teams, http).token()


async def test_where_each_cloud_logs_in() -> None:
    for cloud, url, scope in (
        ("public", "login.microsoftonline.com", "https%3A%2F%2Fapi.botframework.com%2F.default"),
        ("usgov", "login.microsoftonline.us", "https%3A%2F%2Fapi.botframework.us%2F.default"),
        ("china", "login.partner.microsoftonline.cn", "api.botframework.azure.cn%2F.default"),
    ):
        tenant = "aaaaaaaa-1111-4222-8333-444444444444"
        config = TeamsConfig.model_validate(
            {
                "app_id": tenant,
                "tenants": [tenant],
                "cloud": cloud,
                "client_secret": Secret("s"),
            }
        )
        login = await Credentials(config, ManualClock()).login()
        assert login.url == f"https://{url}/{tenant}/oauth2/v2.0/token"
        assert scope in (login.body or b"").decode()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"managed_identity": True}, "one of these is enough: client_secret, managed_identity"),
        ({"tenants": [f"{n}" * 8 + "-1111-4222-8333-444444444444" for n in "ab"]}, "login_tenant"),
        ({"login_url": "http://login.example"}, "login_url must begin with https"),
        ({"login_url": "https://user@login.example"}, "login_url must begin with https"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], problem: str) -> None:
    usual = {
        "app_id": "aaaaaaaa-1111-4222-8333-444444444444",
        "tenants": ["aaaaaaaa-1111-4222-8333-444444444444"],
        "client_secret": Secret("s"),
    }
    with pytest.raises(ValidationError, match=problem):
        TeamsConfig.model_validate({**usual, **settings})
