"""The local issuer: its key file, its tokens, and that the verifier takes them."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from smartops.auth import LocalIssuer, TokenVerifier
from smartops.channels import AuthenticationFailed
from smartops.config.settings import LocalIssuerSettings
from smartops.errors import StartupError
from smartops.testing.clock import ManualClock

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


def issuer_at(path: Path, clock: ManualClock) -> LocalIssuer:
    settings = LocalIssuerSettings(name="local", kind="local", key=path, lifetime=DAY)
    return LocalIssuer(settings, clock)


def published(local: LocalIssuer) -> list[dict[str, str]]:
    """Return the JWK set entries that verify the tokens."""
    keys = local.as_issuer().keys
    assert callable(keys)
    return list(keys()["keys"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "local.pem"


@pytest.fixture
def local(path: Path, clock: ManualClock) -> LocalIssuer:
    return issuer_at(path, clock)


async def test_tokens_are_accepted(
    local: LocalIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    verified = await verifier.verify(f"Bearer {local.make_token('alice')}", (local.as_issuer(),))
    now = int(clock.time())
    claims = dict(verified.claims)
    assert len(claims.pop("jti")) >= 16
    assert claims == {
        "iss": "https://smartops.local",
        "aud": "smartops",
        "sub": "alice",
        "iat": now,
        "nbf": now,
        "exp": now + 86400,
    }
    assert verified.issuer.name == "local"


async def test_tokens_with_rights_a_team_and_a_lifetime(
    local: LocalIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    token = local.make_token("bot", act_for_others=True, team="ops", lifetime=timedelta(hours=1))
    trusted = (local.as_issuer(),)
    claims = (await verifier.verify(f"Bearer {token}", trusted)).claims
    assert claims["scope"] == "act"
    assert claims[trusted[0].team] == "ops"
    clock.advance(3600 + 30)
    with pytest.raises(AuthenticationFailed):
        await verifier.verify(f"Bearer {token}", trusted)


@pytest.mark.parametrize("user", ["", " alice", "alice\n", "a\x00b", "\u202ealice"])
def test_invisible_names_are_refused(user: str, local: LocalIssuer) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        local.make_token(user)


@pytest.mark.parametrize("seconds", [0, -1, 0.5])
def test_a_lifetime_below_a_second_is_refused(seconds: float, local: LocalIssuer) -> None:
    with pytest.raises(ValueError, match="at least a second"):
        local.make_token("alice", lifetime=timedelta(seconds=seconds))


def test_the_key_is_made_once_and_private(path: Path, clock: ManualClock) -> None:
    before = os.umask(0)
    try:
        first = issuer_at(path, clock)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = path.read_bytes()
    assert published(issuer_at(path, clock)) == published(first)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_many_starts_at_once_agree_on_one_key(path: Path, clock: ManualClock) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: issuer_at(path, clock), range(4)))
    assert all(published(item) == published(made[0]) for item in made)
    assert list(path.parent.iterdir()) == [path]


async def test_the_public_keys_hold_nothing_private(local: LocalIssuer) -> None:
    assert set(published(local)[0]) == {"kty", "use", "alg", "kid", "n", "e"}


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o660, 0o601])
def test_a_key_readable_by_others_is_refused(mode: int, path: Path, clock: ManualClock) -> None:
    issuer_at(path, clock)
    path.chmod(mode)
    with pytest.raises(StartupError) as error:
        issuer_at(path, clock)
    (problem,) = error.value.problems
    assert problem.where == str(path)
    assert f"has the mode 0{mode:o}" in problem.text
    assert problem.hint == f"chmod 600 {path}"


async def test_the_keys_are_changed_while_a_server_runs(
    local: LocalIssuer, verifier: TokenVerifier, path: Path, clock: ManualClock
) -> None:
    trusted = (local.as_issuer(),)
    first = f"Bearer {local.make_token('alice')}"
    await verifier.verify(first, trusted)
    path.chmod(0o640)

    assert issuer_at(path, clock).add_key() == 1
    second = f"Bearer {issuer_at(path, clock).make_token('alice')}"

    for header in (first, second):
        assert (await verifier.verify(header, trusted)).claims["sub"] == "alice"
    assert len(published(local)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(path.parent.iterdir()) == [path]


async def test_a_removed_key_is_refused_within_five_minutes(
    local: LocalIssuer, verifier: TokenVerifier, path: Path, clock: ManualClock
) -> None:
    trusted = (local.as_issuer(),)
    first = f"Bearer {local.make_token('alice')}"
    other = issuer_at(path, clock)
    other.add_key()
    await verifier.verify(first, trusted)

    assert other.drop_old_keys() == 1
    async with anyio.create_task_group() as group:
        group.start_soon(verifier.keep_fresh)
        with anyio.fail_after(10):
            while not clock.sleepers:
                await anyio.sleep(0.001)
            clock.advance(300)
            while not clock.sleepers:
                await anyio.sleep(0.001)
        group.cancel_scope.cancel()

    with pytest.raises(AuthenticationFailed):
        await verifier.verify(first, trusted)
    await verifier.verify(f"Bearer {other.make_token('alice')}", trusted)


async def test_unknown_keys_cause_few_reads_and_a_damaged_file_changes_nothing(
    local: LocalIssuer,
    verifier: TokenVerifier,
    path: Path,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trusted = (local.as_issuer(),)
    first = f"Bearer {local.make_token('alice')}"
    await verifier.verify(first, trusted)
    elsewhere = issuer_at(path.with_name("other.pem"), clock)
    foreign = f"Bearer {elsewhere.make_token('alice')}"
    path.write_text("garbage")

    for _ in range(5):
        with pytest.raises(AuthenticationFailed):
            await verifier.verify(foreign, trusted)
    await verifier.verify(first, trusted)
    assert caplog.text.count("holds no private key") == 1

    path.write_bytes(elsewhere._settings.key.read_bytes())
    clock.advance(60)
    await verifier.verify(foreign, trusted)
    with pytest.raises(AuthenticationFailed):
        await verifier.verify(first, trusted)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture(scope="session")
def small() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("garbage", "no private key"),
        ("", "no private key"),
        ("elliptic", "no RSA key of at least 2048 bits"),
        ("small", "no RSA key of at least 2048 bits"),
        ("encrypted", "no private key in PEM form without a password"),
    ],
)
def test_refuses_a_file_without_a_usable_key(
    content: str, reason: str, path: Path, clock: ManualClock, small: rsa.RSAPrivateKey
) -> None:
    contents = {
        "garbage": b"garbage",
        "": b"",
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
        "small": pem(small),
        "encrypted": pem(small, BestAvailableEncryption(b"x")),
    }
    path.parent.mkdir()
    path.write_bytes(contents[content])
    path.chmod(0o600)
    with pytest.raises(StartupError, match=reason):
        issuer_at(path, clock)


def test_an_unusable_path_is_reported(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"cannot be used: File exists; look at .*/file$"):
        issuer_at(tmp_path / "file" / "local.pem", clock)
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(StartupError, match=r"cannot be used: Is a directory$"):
        issuer_at(tmp_path / "folder", clock)
