"""Limits shared by several processes, on a real server that may be unreachable."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import anyio
import pytest
import redis
from anyio.abc import SocketStream

from smartops.app import App, compose
from smartops.errors import BackendUnavailable, StartupError
from smartops.limits import MemoryLimiter, SharedLimiter, Window
from smartops.services import Clock
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

USER, TEAM = Window("user", 10, 600), Window("team", 100, 600)


def test_several_processes_share_an_exact_limit(valkey: str) -> None:
    """4 processes, 9 users, 15 requests each, and one more user when the team has 10 left."""
    taker = str(Path(__file__).with_name("taker.py"))
    running = [
        subprocess.Popen(
            [sys.executable, taker, valkey],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    allowed: Counter[str] = Counter()
    for process in running:
        out, _ = process.communicate()
        assert process.returncode == 0
        allowed += Counter(json.loads(out))
    assert allowed == {f"user-{n}": 10 for n in range(9)}


async def test_the_time_is_the_server_s(valkey: str, shared) -> None:
    """The clock of the process is years off; replicas agree because the server's time counts."""
    here, there = shared(server_time=True), shared(server_time=True)
    allowed = 0
    for _ in range(10):
        for limiter in (here, there):
            verdict = await limiter.take([(USER, "alice"), (TEAM, "ops")])
            allowed += verdict.allowed
    assert allowed == 10
    assert abs(verdict.quota.reset - Clock().time() - 600) < 60
    assert 540 < verdict.quota.retry_after <= 600


async def test_keys_expire_and_share_a_slot(valkey: str, shared) -> None:
    await shared().take([(USER, "alice"), (TEAM, "ops")])
    with redis.Redis.from_url(valkey) as client:
        keys = client.keys()
        assert len(keys) == 2
        assert len({client.execute_command("CLUSTER KEYSLOT", key) for key in keys}) == 1
        assert all(600_000 < client.pttl(key) <= 601_000 for key in keys)
        size = max(client.memory_usage(key) for key in keys)
    assert size < 300


async def test_the_size_of_a_key_on_the_server_is_bounded(
    valkey: str, shared, clock: ManualClock
) -> None:
    limiter = shared()
    for _ in range(1500):
        await limiter.take([(Window("team", 10**6, 60), "ops")])
        clock.advance(0.1)
    with redis.Redis.from_url(valkey) as client:
        (key,) = client.keys()
        assert client.memory_usage(key) < 1500


async def test_cancelled_requests_do_not_affect_others(
    shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user has a different limit, so that another request's response would be detected."""
    monkeypatch.setattr("smartops.limits.shared.TIMEOUT", 60)  # real ones
    limiter, team = shared(), Window("team", 10**6, 600)
    outcomes: Counter[str] = Counter()

    async def take(number: int, timeout: float) -> None:
        user = Window("user", 1000 + number, 600)
        outcome = "cancelled"
        with anyio.move_on_after(timeout):
            verdict = await limiter.take([(user, f"user-{number}"), (team, "ops")])
            assert verdict.window is user
            assert verdict.quota.remaining in (998 + number, 999 + number)
            outcome = "answered"
        outcomes[outcome] += 1

    async with anyio.create_task_group() as group:
        for number in range(300):
            group.start_soon(take, number, number % 3 * 0.002)
    async with anyio.create_task_group() as group:
        for number in range(300):
            group.start_soon(take, number, 60)
    assert outcomes["cancelled"] >= 100
    assert outcomes["answered"] >= 300
    assert not limiter.degraded


async def test_a_script_missing_on_the_server_is_loaded_again(valkey: str, shared) -> None:
    limiter = shared()
    assert (await limiter.take([(USER, "alice")])).allowed
    with redis.Redis.from_url(valkey) as client:
        client.script_flush()
    assert (await limiter.take([(USER, "alice")])).quota.remaining == 8
    assert not limiter.degraded


async def test_replicas_limit_locally_while_the_server_is_unreachable(
    start_server, shared, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server()
    limiter = shared(server.url)
    assert (await limiter.take([(USER, "alice")])).quota.remaining == 9
    await limiter.ping()
    server.stop()
    verdicts = [await limiter.take([(USER, "alice")]) for _ in range(12)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 10 + [False] * 2
    assert limiter.degraded
    with pytest.raises(BackendUnavailable, match="per-process rate limits"):
        await limiter.ping()
    start_server(server.port)
    await limiter.ping()
    assert not limiter.degraded
    assert (await limiter.take([(USER, "alice")])).quota.remaining == 9
    lines = [item.getMessage() for item in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("rate limiter: Redis unreachable")
    assert lines[1] == "rate limiter: Redis reachable again"


async def test_a_server_that_times_out_is_not_asked_for_a_while(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops.limits.shared.TIMEOUT", 0.05)
    monkeypatch.setattr("smartops.limits.shared.PAUSE", 60.0)
    connections = 0

    async def say_nothing(stream: SocketStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, say_nothing)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        limiter = SharedLimiter(f"redis://127.0.0.1:{port}", clock, MemoryLimiter(clock))
        for _ in range(200):
            await limiter.take([(TEAM, "ops")])
        assert limiter.degraded
        assert connections == 1
        await limiter.aclose()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_both_url_schemes_are_accepted(valkey: str, shared, scheme: str) -> None:
    limiter = shared(f"{scheme}://{valkey.partition('://')[2]}")
    await limiter.ping()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://user:secret@host", "cannot be stored under http://"),
        ("memory", "cannot be stored under memory://"),
        ("redis://", "cannot be stored under redis://"),
        ("redis://user:secret@host:port", "URL of the rate limits is wrong"),
    ],
)
async def test_invalid_urls_are_start_errors(clock: ManualClock, url: str, reason: str) -> None:
    with pytest.raises(StartupError, match=reason) as caught:
        SharedLimiter(url, clock, MemoryLimiter(clock))
    assert "secret" not in str(caught.value)


async def test_an_unreachable_server_is_logged_at_start(tmp_path: Path, caplog) -> None:
    config = tmp_path / "smartops.yaml"
    config.write_text("limits: {url: 'redis://127.0.0.1:1'}\nstore: {url: 'sqlite:///s.db'}\n")
    async with App(compose(config)):
        assert "Redis unreachable, falling back to per-process limits" in caplog.text
