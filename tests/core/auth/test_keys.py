"""The key cache: when it fetches, and how it handles invalid responses."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import anyio
import pytest

from smartops.addresses import url_problem
from smartops.auth import TokenVerifier
from smartops.channels import AuthenticationFailed, HttpReply, Issuer
from smartops.http import AiohttpClient
from smartops.testing.clock import ManualClock
from smartops.testing.issuer import KEYS_PATH, METADATA_PATH, SigningKey, StandInIssuer

pytestmark = pytest.mark.anyio

HOUR = 3600.0
DAY = 24 * HOUR


class Probe:
    """A verifier with one issuer, and how it answers."""

    def __init__(self, http: AiohttpClient, issuer: StandInIssuer, **changes: object) -> None:
        self.verifier = TokenVerifier(http, issuer.clock)
        self.issuer = issuer
        self.trusted = (issuer.trusted(**changes),)

    async def accepts(self, token: str = "") -> bool:
        header = f"Bearer {token or self.issuer.token()}"
        try:
            await self.verifier.verify(header, self.trusted)
        except AuthenticationFailed:
            return False
        return True

    @property
    def fetches(self) -> int:
        assert self.issuer.fetches[KEYS_PATH] <= self.issuer.fetches[METADATA_PATH]
        return self.issuer.fetches[METADATA_PATH]


@pytest.fixture
def probe(http: AiohttpClient, issuer: StandInIssuer) -> Probe:
    return Probe(http, issuer)


def with_kid(issuer: StandInIssuer, kid: str) -> str:
    return issuer.sign({"iss": issuer.issuer}, headers={"kid": kid})


async def test_an_unknown_kid_fetches_rotated_keys(probe: Probe) -> None:
    old = probe.issuer.token()
    assert await probe.accepts(old)
    probe.issuer.rotate()
    assert await probe.accepts()
    assert probe.fetches == 2
    assert not await probe.accepts(old), "a key that was withdrawn takes its tokens with it"


async def test_changed_members_of_a_key_are_used_after_a_day(
    probe: Probe, clock: ManualClock
) -> None:
    token = probe.issuer.token(exp=clock.time() + 2 * DAY)
    header = f"Bearer {token}"
    first = await probe.verifier.verify(header, probe.trusted)
    probe.issuer.keys[0] = SigningKey(first.key["kid"], probe.issuer.key.private, {"x": ["y"]})
    clock.advance(DAY)
    assert await probe.accepts()
    second = await probe.verifier.verify(header, probe.trusted)
    assert "x" not in first.key
    assert second.key["x"] == ["y"]


async def test_unknown_kid_is_looked_up_once_a_minute(probe: Probe, clock: ManualClock) -> None:
    assert await probe.accepts()
    for number in range(20):
        assert not await probe.accepts(with_kid(probe.issuer, f"forged-{number}"))
    assert probe.fetches == 2
    clock.advance(59)
    assert not await probe.accepts(with_kid(probe.issuer, "forged"))
    assert probe.fetches == 2
    clock.advance(1)
    probe.issuer.rotate()
    assert await probe.accepts()
    assert probe.fetches == 3


@pytest.mark.parametrize("warm", [False, True])
async def test_two_hundred_unknown_kids_at_once_cause_one_fetch(probe: Probe, warm: bool) -> None:
    if warm:
        assert await probe.accepts()
    before = probe.fetches
    answers: list[bool] = []

    async def ask(number: int) -> None:
        answers.append(await probe.accepts(with_kid(probe.issuer, f"forged-{number}")))

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(ask, number)
    assert answers == [False] * 200
    assert probe.fetches == before + 1


async def test_an_issuer_unreachable_at_start(probe: Probe, clock: ManualClock) -> None:
    await probe.issuer.down()
    assert not await probe.accepts()
    await probe.issuer.up()
    assert not await probe.accepts(), "it is not asked again at once"
    clock.advance(5)
    assert await probe.accepts()


async def test_the_keys_of_an_unreachable_issuer_are_valid_for_five_days(
    probe: Probe, clock: ManualClock
) -> None:
    assert await probe.accepts()
    await probe.issuer.down()
    clock.advance(DAY)
    assert await probe.accepts(), "the last keys are still good"
    clock.advance(4 * DAY - 1)
    assert await probe.accepts()
    clock.advance(1)
    assert not await probe.accepts(), "but not for ever"
    await probe.issuer.up()
    clock.advance(60)
    assert await probe.accepts()


async def test_a_failing_issuer_is_asked_once_a_minute(probe: Probe, clock: ManualClock) -> None:
    assert await probe.accepts()
    probe.issuer.status = 503
    clock.advance(DAY)
    for _ in range(10):
        assert await probe.accepts()
    assert probe.fetches == 2
    clock.advance(60)
    assert await probe.accepts()
    assert probe.fetches == 3


async def test_keys_are_fetched_again_if_the_clock_is_put_back(
    probe: Probe, clock: ManualClock
) -> None:
    token = probe.issuer.token(iat=None, nbf=None)
    assert await probe.accepts(token)
    assert not await probe.accepts(with_kid(probe.issuer, "forged"))
    assert probe.fetches == 2
    clock.advance(-2 * DAY)
    assert await probe.accepts(probe.issuer.token())
    assert probe.fetches == 3, "keys from the future are fetched again"
    assert not await probe.accepts(with_kid(probe.issuer, "forged"))
    assert probe.fetches == 4, "a cool-down from the future is over"


async def test_keep_fresh_fetches_every_hour_what_is_in_use(
    probe: Probe, clock: ManualClock
) -> None:
    async def step(seconds: float) -> None:
        clock.advance(seconds)
        with anyio.fail_after(5):
            while not clock.sleepers:
                await anyio.sleep(0.001)

    assert await probe.accepts()
    async with anyio.create_task_group() as group:
        group.start_soon(probe.verifier.keep_fresh)
        await step(0)
        for _ in range(11):
            await step(300)
        assert probe.fetches == 1
        await step(300)
        assert probe.fetches == 2
        probe.issuer.status = 500
        clock.advance(HOUR)
        await step(300)
        assert probe.fetches == 3
        probe.issuer.status = 200
        await step(300)
        assert probe.fetches == 4, "a failed fetch is tried again at the next look"
        group.cancel_scope.cancel()


class Gated:
    """The real client behind a gate."""

    def __init__(self, http: AiohttpClient) -> None:
        self._http = http
        self.waiting = anyio.Event()
        self.open = anyio.Event()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 10.0,
        max_bytes: int = 1_000_000,
    ) -> HttpReply:
        self.waiting.set()
        await self.open.wait()
        return await self._http.request(
            method, url, headers=headers, body=body, timeout=timeout, max_bytes=max_bytes
        )


async def test_a_cancelled_fetch_is_taken_over(
    http: AiohttpClient, issuer: StandInIssuer, trusted: tuple[Issuer, ...]
) -> None:
    gate = Gated(http)
    verifier = TokenVerifier(gate, issuer.clock)
    header = f"Bearer {issuer.token()}"
    subjects: list[str] = []

    async def first(scope: anyio.CancelScope) -> None:
        with scope:
            await verifier.verify(header, trusted)

    async def second() -> None:
        verified = await verifier.verify(header, trusted)
        subjects.append(verified.claims["sub"])

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(first, scope)
        await gate.waiting.wait()
        group.start_soon(second)
        scope.cancel()
        gate.open.set()
    assert scope.cancelled_caught
    assert subjects == ["user123"]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"jwks_uri": None}, "jwks_uri is None"),
        ({"jwks_uri": ["x"]}, "jwks_uri is ['x']"),
        ({"jwks_uri": "https://evil.example/keys"}, "not an address on the same host"),
        ({"jwks_uri": "http://127.0.0.1:1/keys"}, "not an address on the same host"),
        ({"jwks_uri": "http://localhost/keys"}, "not an address on the same host"),
        ({"jwks_uri": "file:///etc/passwd"}, "not an address on the same host"),
        ({"jwks_uri": "http://["}, "not an address on the same host"),
        ({"pad": "x" * 600_000}, "larger than 524288 bytes"),
    ],
)
async def test_metadata_of_another_host_is_refused(
    metadata: dict[str, object], reason: str, probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    probe.issuer.metadata.update(metadata)
    assert not await probe.accepts()
    assert reason in caplog.text
    assert probe.issuer.fetches[KEYS_PATH] == 0


async def test_the_host_may_be_in_another_case(http: AiohttpClient, issuer: StandInIssuer) -> None:
    address = issuer.metadata_url.replace("127.0.0.1", "LOCALHOST")
    issuer.metadata["jwks_uri"] = issuer.keys_url.replace("127.0.0.1", "localhost")
    assert await Probe(http, issuer, metadata=address).accepts()


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/.well-known/openid-configuration",
        "http://10.0.0.1/metadata",
        "http://127.0.0.1.example.com/metadata",
        "https://user:password@login.example.com/metadata",
        "ftp://127.0.0.1/metadata",
        "https:///metadata",
        "//127.0.0.1/metadata",
        "https://login.example.com:port/metadata",
        "",
    ],
)
async def test_metadata_must_be_https_or_loopback(
    url: str, http: AiohttpClient, issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "smartops.auth")
    problem = url_problem(url)
    assert problem is not None
    assert not await Probe(http, issuer, metadata=url).accepts()
    assert problem in caplog.text
    assert "password" not in caplog.text


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (METADATA_PATH, b"<html>", "that is not JSON"),
        (METADATA_PATH, b"[" * 100_000, "that is not JSON"),
        (METADATA_PATH, b"[]", "that is no JSON object"),
        (KEYS_PATH, b"\xff", "that is not JSON"),
        (KEYS_PATH, b"[]", "that is no JSON object"),
        (KEYS_PATH, b"{}", "has no list of keys"),
        (KEYS_PATH, b'{"keys": {"a": 1}}', "has no list of keys"),
    ],
)
async def test_an_invalid_response_keeps_the_keys(
    path: str,
    body: bytes,
    reason: str,
    probe: Probe,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await probe.accepts()
    probe.issuer.bodies[path] = body
    clock.advance(DAY)
    assert await probe.accepts()
    assert reason in caplog.text


async def test_keys_in_the_configuration_are_never_fetched(
    http: AiohttpClient, issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    probe = Probe(http, issuer, keys={"keys": [issuer.key.entry]})
    assert await probe.accepts()
    assert not await probe.accepts(with_kid(issuer, "forged"))
    assert not issuer.fetches
    assert "fetched" not in caplog.text


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": ["x", None, 1]}])
async def test_a_key_set_without_keys_accepts_nothing(
    keys: dict[str, object], http: AiohttpClient, issuer: StandInIssuer
) -> None:
    assert not await Probe(http, issuer, keys=keys).accepts()
