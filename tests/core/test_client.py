"""The client against a scripted HTTP server."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aiohttp import web

from smartops import (
    BackendUnavailable,
    InterpreterFailed,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)
from smartops.channels import ApprovalInvalid, AuthenticationFailed
from smartops.client import AsyncSmartOpsClient, Envelope, SmartOpsClient
from smartops.services import Clock

pytestmark = pytest.mark.anyio

SUCCESS = {"status": "success", "data": {"message": "Two.", "attachments": [], "actions": []}}
PENDING = {
    "status": "pending",
    "data": {
        "message": "Confirmation required",
        "actions": [
            {"type": "confirm", "label": "Yes", "action": "confirm_1"},
            {"type": "cancel", "label": "No", "action": "cancel_1"},
        ],
    },
}
LATE = {"status": "pending", "data": {"message": "Still working.", "actions": []}}


def refusal(code: str, **more: Any) -> dict[str, Any]:
    return {"status": "error", "error": {"code": code, "message": "No.", **more}}


class Scripted:
    """Sends scripted responses in order, then repeats the last; records the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[str, str]]] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.url = ""

    def then(self, status: int, body: Any, **headers: str) -> None:
        self.answers.append(
            (status, body, {name.replace("_", "-"): text for name, text in headers.items()})
        )

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.json()))
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if body is None:
            assert request.transport is not None
            request.transport.close()
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers)


@asynccontextmanager
async def listening(scripted: Scripted) -> AsyncIterator[Scripted]:
    application = web.Application()
    application.router.add_post("/prod/api/messages", scripted.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}/prod"
    yield scripted
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with listening(Scripted()) as scripted:
        yield scripted


class Waits(Clock):
    """A clock whose sleeps return at once and are recorded."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def time(self) -> float:
        return sum(self.waited)

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.fixture
def clock() -> Waits:
    return Waits()


@pytest.fixture
async def client(server: Scripted, clock: Waits) -> AsyncIterator[AsyncSmartOpsClient]:
    async with AsyncSmartOpsClient(
        server.url, "token-1", clock=clock, jitter=lambda: 0.5, timeout=5
    ) as client:
        yield client


async def test_a_command_is_sent_as_documented(server: Scripted, client: AsyncSmartOpsClient):
    server.then(200, SUCCESS)

    answer = await client.send_command("list instances", "user123")

    ((headers, body),) = server.requests
    assert body.pop("id")
    assert body == {
        "type": "message",
        "text": "list instances",
        "from": {"id": "user123", "name": "API User"},
        "conversation": {"id": "api-user123"},
    }
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["Content-Type"] == "application/json"
    assert answer == SUCCESS
    assert answer.message == "Two."
    assert not answer.pending


async def test_every_command_has_a_unique_id(server: Scripted, client: AsyncSmartOpsClient):
    server.then(200, SUCCESS)

    await client.send_command("list instances", "user123")
    await client.send_command("list instances", "user123")

    assert len({body["id"] for body in server.bodies}) == 2


@pytest.mark.parametrize("press", ["confirm", "cancel"])
async def test_a_pending_command_is_confirmed_or_cancelled_by_its_sender(
    server: Scripted, client: AsyncSmartOpsClient, press: str
):
    server.then(200, PENDING)
    server.then(200, SUCCESS)

    asked = await client.send_command("stop web-server-01", "user123")
    assert asked.pending
    answer = await getattr(client, press)(asked)

    assert server.bodies[1]["value"] == {"action": f"{press}_1"}
    assert server.bodies[1]["from"]["id"] == "user123"
    assert server.bodies[1]["conversation"] == {"id": "api-user123"}
    assert "text" not in server.bodies[1]
    assert answer == SUCCESS


async def test_a_plain_dictionary_needs_a_user_id_to_be_confirmed(
    server: Scripted, client: AsyncSmartOpsClient
):
    server.then(200, SUCCESS)

    with pytest.raises(ValueError, match="user_id"):
        await client.confirm(PENDING)
    await client.confirm(PENDING, "user123")

    assert server.bodies[0]["value"] == {"action": "confirm_1"}


async def test_confirming_a_reply_without_actions_is_an_error(client: AsyncSmartOpsClient):
    with pytest.raises(ValueError, match="nothing to confirm"):
        await client.confirm(Envelope(SUCCESS, "user123"))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "AUTHENTICATION_FAILED", AuthenticationFailed),
        (403, "PERMISSION_DENIED", PermissionDenied),
        (400, "VALIDATION_ERROR", ValidationFailed),
        (413, "VALIDATION_ERROR", ValidationFailed),
        (409, "APPROVAL_INVALID", ApprovalInvalid),
        (503, "BACKEND_UNAVAILABLE", BackendUnavailable),
        (503, "RUNNER_AWAY", BackendUnavailable),
        (502, "MODEL_AWAY", InterpreterFailed),
        (418, "TEAPOT", Refusal),
    ],
)
async def test_errors_are_mapped_by_code_then_by_status(
    server: Scripted, client: AsyncSmartOpsClient, status: int, code: str, kind: type[Refusal]
):
    server.then(status, refusal(code, details="Because."))

    with pytest.raises(Refusal) as caught:
        await client.send_command("list instances", "user123")

    error = caught.value
    assert type(error) is kind
    assert (error.code, error.status, error.message) == (code, status, "No.")
    assert error.details == "Because."
    assert error.response == refusal(code, details="Because.")
    assert len(server.requests) == 1


async def test_rate_limited_requests_are_retried_after_the_given_time(
    server: Scripted, client: AsyncSmartOpsClient, clock: Waits
):
    server.then(429, refusal("RATE_LIMITED", retry_after=45), X_RateLimit_Retry_After="45")
    server.then(429, refusal("RATE_LIMITED"), Retry_After="7")
    server.then(429, refusal("RATE_LIMITED", retry_after=3))
    server.then(200, SUCCESS)

    await client.send_command("list instances", "user123")

    assert clock.waited == [45.5, 7.5, 3.5]
    assert len({body["id"] for body in server.bodies}) == 1


async def test_the_backoff_doubles_without_retry_after(
    server: Scripted, client: AsyncSmartOpsClient, clock: Waits
):
    server.then(429, refusal("RATE_LIMITED"))

    with pytest.raises(RateLimited):
        await client.send_command("list instances", "user123")

    assert clock.waited == [0.375, 0.75, 1.5, 3.0]
    assert len(server.requests) == 5


async def test_a_retry_after_beyond_max_delay_is_raised(
    server: Scripted, client: AsyncSmartOpsClient, clock: Waits
):
    server.then(429, refusal("RATE_LIMITED", retry_after=3600), Retry_After="3600")

    with pytest.raises(RateLimited) as caught:
        await client.send_command("list instances", "user123")

    assert caught.value.retry_after == 3600
    assert clock.waited == []


async def test_a_lost_response_is_retried_with_the_same_id(
    server: Scripted, client: AsyncSmartOpsClient
):
    server.then(200, None)
    server.then(502, "<html>bad gateway</html>")
    server.then(200, SUCCESS)

    assert await client.send_command("stop web-server-01", "user123") == SUCCESS
    assert len({body["id"] for body in server.bodies}) == 1


async def test_an_internal_error_is_not_retried(server: Scripted, client: AsyncSmartOpsClient):
    server.then(503, refusal("BACKEND_UNAVAILABLE"))

    with pytest.raises(BackendUnavailable):
        await client.send_command("list instances", "user123")

    assert len(server.requests) == 1


async def test_a_response_without_an_envelope_is_an_error(
    server: Scripted, client: AsyncSmartOpsClient
):
    server.then(200, "<html>welcome</html>")

    with pytest.raises(BackendUnavailable, match="not as SmartOps does"):
        await client.send_command("list instances", "user123")


async def test_a_deferred_reply_is_polled_for(
    server: Scripted, client: AsyncSmartOpsClient, clock: Waits
):
    server.then(200, LATE)
    server.then(200, LATE)
    server.then(200, SUCCESS)

    assert await client.send_command("execute x on y", "user123") == SUCCESS
    assert len({body["id"] for body in server.bodies}) == 1
    assert clock.waited == [0.5, 0.5]


async def test_polling_stops_after_the_reply_timeout(server: Scripted, clock: Waits):
    server.then(200, LATE)

    async with AsyncSmartOpsClient(server.url, "t", clock=clock, reply_timeout=1.0) as client:
        answer = await client.send_command("execute x on y", "user123")

    assert answer.pending
    assert len(server.requests) == 3


async def test_the_error_names_an_unreachable_server(clock: Waits):
    async with AsyncSmartOpsClient("http://127.0.0.1:9/prod", "secret", clock=clock) as client:
        with pytest.raises(BackendUnavailable) as caught:
            await client.send_command("list instances", "user123")

    assert caught.value.message == "SmartOps cannot be reached at http://127.0.0.1:9/prod"
    assert caught.value.details == "127.0.0.1 could not be reached"
    assert len(clock.waited) == 4


def test_options_are_validated_by_the_constructor():
    with pytest.raises(ValueError, match="attempts"):
        SmartOpsClient("http://127.0.0.1:9", "t", attempts=0)
    with pytest.raises(TypeError):
        SmartOpsClient("http://127.0.0.1:9", "t", atempts=3)


async def test_the_synchronous_client_sends_confirms_and_cancels(server: Scripted, clock: Waits):
    server.then(200, PENDING)
    server.then(429, refusal("RATE_LIMITED", retry_after=2))
    server.then(200, SUCCESS)
    server.then(200, PENDING)
    client = SmartOpsClient(server.url, "token-1", clock=clock)

    asked = await anyio.to_thread.run_sync(client.send_command, "stop web-server-01", "user123")
    answer = await anyio.to_thread.run_sync(client.confirm, asked)
    assert answer == SUCCESS
    await anyio.to_thread.run_sync(client.cancel, PENDING, "user123")

    assert [body.get("value") for body in server.bodies] == [
        None,
        {"action": "confirm_1"},
        {"action": "confirm_1"},
        {"action": "cancel_1"},
    ]


async def test_the_synchronous_client_raises_the_same_errors(server: Scripted):
    server.then(403, refusal("PERMISSION_DENIED"))

    with pytest.raises(PermissionDenied):
        await anyio.to_thread.run_sync(
            SmartOpsClient(server.url, "token-1").send_command, "stop db", "user123"
        )


async def test_the_synchronous_client_works_in_a_running_event_loop(clock: Waits):
    client = SmartOpsClient("http://127.0.0.1:9", "token-1", clock=clock, attempts=1)

    with pytest.raises(BackendUnavailable):
        client.send_command("list instances", "user123")
