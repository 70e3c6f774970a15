"""Events of any JSON: the proofs of origin, and the expressions of the configuration."""

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

import smartops_webhook
from smartops import Secret, ValidationFailed
from smartops.channels import AuthenticationFailed, Headers, Inbound
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

KEY = base64.b64encode(b"k" * 32).decode()
FIELDS = {
    "fingerprint": "run.id",
    "title": "run.name",
    "started": "run.started_at",
    "status": "run.conclusion == 'success' && 'resolved' || 'firing'",
    "severity": "run.severity || 'warning'",
    "labels": {"repo": "repository.name", "branch": 'run."head-branch"'},
    "links": {"Run": "run.url"},
}
BODY = {
    "run": {
        "id": 42,
        "name": "Build",
        "started_at": "2026-11-24T12:00:00Z",
        "conclusion": "failure",
        "head-branch": "main",
        "url": "https://ci.example.com/42",
    },
    "repository": {"name": "shop"},
}


def webhook(clock: ManualClock | None = None, **config: Any) -> smartops_webhook.Webhook:
    section = {"proof": "bearer", "secret": Secret("token"), **FIELDS, **config}
    model = smartops_webhook.WebhookConfig.model_validate(section)
    return smartops_webhook.Webhook("ci", model, clock or ManualClock(), 32)


def request(body: bytes | dict[str, Any] = b"{}", **headers: str) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]
    return Inbound("POST", "/hooks/ci", Headers(pairs), raw, "r1")


async def test_fields_are_read_by_expressions() -> None:
    [event] = await webhook().read(request(BODY))
    assert (event.fingerprint, event.status, event.title) == ("42", "firing", "Build")
    assert event.started == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert event.labels == {"repo": "shop", "branch": "main"}
    assert (event.severity, event.links) == ("warning", {"Run": "https://ci.example.com/42"})


async def test_each_finds_several_events_and_other_states_are_left_out() -> None:
    items = [{"id": number, "state": state} for number, state in enumerate(("bad", "ok", "idle"))]
    source = webhook(
        each="items",
        fingerprint="id",
        title="state",
        started="`1700000000`",
        status="state == 'bad' && 'firing' || state == 'ok' && 'resolved' || state",
        severity="'x'",
        labels={},
        links={"Bad": "'javascript:alert(1)'"},
    )
    events = await source.read(request({"items": items}))
    assert [(item.fingerprint, item.status) for item in events] == [
        ("0", "firing"),
        ("1", "resolved"),
    ]
    assert events[0].links == {}
    assert await source.read(request({"other": 1})) == []


@pytest.mark.parametrize("started", [1_700_000_000, 1_700_000_000_000, "2023-11-14T22:13:20+00:00"])
async def test_times_are_seconds_milliseconds_or_rfc_3339(started: Any) -> None:
    body = {**BODY, "run": {**BODY["run"], "started_at": started}}
    [event] = await webhook().read(request(body))
    assert event.started == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "change", [{"started_at": None}, {"started_at": [1]}, {"started_at": 1e300}, {"id": None}]
)
async def test_a_body_without_time_or_fingerprint_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await webhook().read(request({**BODY, "run": {**BODY["run"], **change}}))


async def test_github_signs_the_body() -> None:
    # The example of GitHub's documentation of webhook signatures.
    source = webhook(proof="github", secret=Secret("It's a Secret to Everybody"))
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    await source.authenticate(request(b"Hello, World!", x_hub_signature_256=signature))
    for headers in ({}, {"x_hub_signature_256": signature[:-1] + "8"}, {"x_hub_signature": "ä"}):
        with pytest.raises(AuthenticationFailed):
            await source.authenticate(request(b"Hello, World!", **headers))
    with pytest.raises(AuthenticationFailed):
        await source.authenticate(request(b"Hello, World?", x_hub_signature_256=signature))


async def test_tokens_overlap_while_one_is_replaced() -> None:
    source = webhook(secret=[Secret("new"), Secret("old")])
    for token in ("new", "old"):
        await source.authenticate(request(authorization=f"bearer {token}"))
    for value in ("Bearer other", "Bearer ", "Basic new", "new", "Bearer \xe4"):
        with pytest.raises(AuthenticationFailed):
            await source.authenticate(request(authorization=value))


def signed(clock: ManualClock, body: bytes, *, ago: int = 0, key: bytes = b"k" * 32) -> Inbound:
    """A request that is signed as Standard Webhooks demand."""
    at = str(int(clock.time()) - ago)
    digest = hmac.digest(key, b"msg_1." + at.encode() + b"." + body, "sha256")
    signature = f"v1a,unknown v1,{base64.b64encode(digest).decode()}"
    return request(body, webhook_id="msg_1", webhook_timestamp=at, webhook_signature=signature)


async def test_standard_webhooks_sign_id_time_and_body() -> None:
    clock = ManualClock()
    source = webhook(clock, proof="standard", secret=Secret(f"whsec_{KEY}"))
    await source.authenticate(signed(clock, b"body"))
    await source.authenticate(signed(clock, b"body", ago=299))
    for wrong in (
        signed(clock, b"body", ago=301),
        signed(clock, b"body", ago=-301),
        signed(clock, b"body", key=b"x" * 32),
        request(b"body"),
        request(b"body", webhook_id="1", webhook_timestamp="\xb2", webhook_signature="v1"),
        request(
            b"body",
            webhook_id="1",
            webhook_timestamp=str(int(clock.time())),
            webhook_signature="garbage",
        ),
    ):
        with pytest.raises(AuthenticationFailed):
            await source.authenticate(wrong)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"title": "a["}, "is no JMESPath expression"),
        ({"title": 5}, "must be a JMESPath expression"),
        ({"proof": "standard", "secret": Secret("short")}, "base64 of 24 to 64 bytes"),
        ({"labels": {"a": "||"}}, "is no JMESPath expression"),
    ],
)
def test_mistakes_in_the_configuration_are_found_at_start(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        webhook(**change)
