"""Probes, metrics, and errors outside the path of messages."""

import re
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from smartops.app import Check
from smartops.server import Probes
from smartops.testing import ManualClock
from smartops.version import __version__

pytestmark = pytest.mark.anyio


async def test_health_has_exactly_the_documented_members(server: Any) -> None:
    answer = await server.request("GET", "/health")

    assert answer.status == 200
    assert answer.headers["X-Request-Id"]
    body = answer.body
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body.pop("timestamp"))
    assert body == {"status": "healthy", "version": __version__}


async def test_livez_needs_nothing(server: Any) -> None:
    answer = await server.request("GET", "/livez")

    assert (answer.status, answer.body) == (200, {"status": "alive"})


async def test_readyz_names_every_check(server: Any) -> None:
    answer = await server.request("GET", "/readyz")

    assert (answer.status, answer.body["status"]) == (200, "ready")
    assert {check["name"]: check["ok"] for check in answer.body["checks"]} == {
        "backend deployment": True,
        "limits": True,
        "plugins": True,
        "store": True,
    }


async def test_an_unavailable_backend_is_named(start: Any) -> None:
    server = await start()
    server.deployment.away = True

    ready = await server.request("GET", "/readyz")
    health = await server.request("GET", "/health")

    assert (ready.status, ready.body["status"]) == (200, "ready")
    assert {"name": "backend deployment", "ok": False, "text": "it is unavailable"} in ready.body[
        "checks"
    ]
    assert (health.status, health.body["status"]) == (200, "degraded")


async def test_an_unavailable_store_makes_the_server_unhealthy(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start()

    async def away() -> None:
        raise OSError("disk full at /secret/path")

    monkeypatch.setattr(server.app.store, "ping", away)
    health = await server.request("GET", "/health")
    ready = await server.request("GET", "/readyz")

    assert (health.status, health.body["status"]) == (503, "unhealthy")
    assert set(health.body) == {"status", "version", "timestamp"}
    assert ready.status == 503
    assert "secret" not in ready.text


async def test_metrics_are_prometheus_text(start: Any) -> None:
    server = await start()
    await server.say("ping")
    await server.request("POST", "/api/messages", json={"text": "a"})

    answer = await server.request("GET", "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in (
        'smartops_requests_total{channel="api",status="200"} 1.0',
        'smartops_requests_total{channel="api",status="401"} 1.0',
        'smartops_commands_total{command="ping",outcome="success"} 1.0',
    ):
        assert line in answer.text


@pytest.mark.parametrize("path", ["/", "/api", "/api/messages/", "/static/x", "/nothing/here?x=1"])
async def test_unknown_paths_are_answered_with_the_error_envelope(server: Any, path: str) -> None:
    answer = await server.request("GET", path)

    assert (answer.status, answer.error["code"]) == (404, "VALIDATION_ERROR")
    assert answer.error["details"] == "Send messages to POST /api/messages."
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]


async def test_wrong_methods_are_answered_with_the_error_envelope(server: Any) -> None:
    answer = await server.request("POST", "/health", data=b"x" * 100)

    assert (answer.status, answer.error["code"]) == (405, "VALIDATION_ERROR")
    assert "GET" in answer.headers["Allow"]


async def test_a_failing_probe_shows_only_its_reference(
    lines: Any, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start()

    def expose() -> bytes:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(server.app.telemetry, "expose", expose)
    answer = await server.request("GET", "/metrics")

    assert (answer.status, answer.error["code"]) == (500, "INTERNAL_ERROR")
    reference = answer.headers["X-Request-Id"]
    assert answer.error["details"] == f"Reference: {reference}"
    assert "hunter2" not in answer.text
    (line,) = [line for line in lines() if "exception" in line]
    assert (line["request_id"], "hunter2" in line["exception"]) == (reference, True)


@pytest.mark.parametrize("path", ["/api/messages", "/health"])
async def test_websockets_are_refused(lines: Any, start: Any, path: str) -> None:
    server = await start()
    handshake = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    raw = await server.raw(handshake.encode())

    assert raw.startswith(b"HTTP/1.1 4")
    assert not [line for line in lines() if "exception" in line]


class CountedApp:
    """An app that counts its readiness checks."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.composition = self
        self.services = self
        self.checks: tuple[Check, ...] = (Check("store", ok=True),)
        self.reads = 0

    async def readiness(self) -> tuple[Check, ...]:
        self.reads += 1
        await anyio.sleep(0.01)
        return self.checks


async def test_concurrent_probes_share_one_check() -> None:
    app = CountedApp()
    probes = Probes(app)  # type: ignore[arg-type]

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(probes.ready)
    assert app.reads == 1

    app.clock.advance(1.9)
    await probes.ready()
    assert app.reads == 1
    app.clock.advance(0.1)
    await probes.ready()
    assert app.reads == 2


@pytest.mark.parametrize(
    ("checks", "health", "ready"),
    [
        ((Check("store", ok=True), Check("limits", ok=True)), "healthy", True),
        ((Check("store", ok=True), Check("limits", ok=False)), "degraded", True),
        ((Check("store", ok=True), Check("backend x", ok=False)), "degraded", True),
        ((Check("store", ok=False), Check("backend x", ok=True)), "unhealthy", False),
    ],
)
async def test_health_is_summed_up_in_one_word(checks: Any, health: str, ready: bool) -> None:
    app = CountedApp()
    app.checks = checks
    probes = Probes(app)  # type: ignore[arg-type]

    assert await probes.health() == health
    assert await probes.ready() is ready


async def test_a_closing_server_is_not_ready() -> None:
    probes = Probes(CountedApp())  # type: ignore[arg-type]
    probes.close()

    assert await probes.health() == "unhealthy"
    assert await probes.ready() is False


async def test_metrics_are_rendered_once_in_each_cycle_of_the_event_loop(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start()
    expose, cycle, rendered = server.app.telemetry.expose, 0, []

    def counted() -> bytes:
        rendered.append(cycle)
        return expose()

    monkeypatch.setattr(server.app.telemetry, "expose", counted)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(server.request, "GET", "/metrics")
        while len(rendered) < 20:
            cycle += 1
            await anyio.lowlevel.checkpoint()
    assert len(set(rendered)) == 20
