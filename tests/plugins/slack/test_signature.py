"""Verification of Slack's signatures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slack_payloads import SECRET, Signer, event
from smartops import Secret, Services
from smartops.channels import AuthenticationFailed, Headers, Inbound
from smartops.testing import ManualClock
from smartops_slack import SlackChannel
from smartops_slack.signature import Signature

VENDORS_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
VENDORS_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
    b"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
VENDORS_TIMESTAMP = "1531420618"
VENDORS_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def request(body: bytes, *pairs: tuple[str, str]) -> Inbound:
    headers = Headers([(name.encode(), value.encode("latin-1")) for name, value in pairs])
    return Inbound("POST", "/api/messages", headers, body, "request-1")


def vendors(body: bytes = VENDORS_BODY, **headers: str) -> Inbound:
    usual = {
        "x_slack_request_timestamp": VENDORS_TIMESTAMP,
        "x_slack_signature": VENDORS_SIGNATURE,
    }
    pairs = {**usual, **headers}.items()
    return request(body, *((name.replace("_", "-"), value) for name, value in pairs))


def at(moment: float) -> Signature:
    return Signature(Secret(VENDORS_SECRET), ManualClock(moment))


def test_slacks_documented_example_is_valid() -> None:
    at(float(VENDORS_TIMESTAMP)).check(vendors())


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_clock_may_be_five_minutes_off(seconds: int) -> None:
    at(float(VENDORS_TIMESTAMP) + seconds).check(vendors())


def test_the_log_tells_a_future_timestamp_from_an_old_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for seconds in (-1000, 1000):
        with pytest.raises(AuthenticationFailed):
            at(float(VENDORS_TIMESTAMP) + seconds).check(vendors())
    assert "it was signed 1000 seconds in the future" in caplog.text
    assert "it was signed 1000 seconds ago" in caplog.text


@pytest.mark.parametrize(
    "inbound",
    [
        pytest.param(vendors(VENDORS_BODY + b"&admin=1"), id="changed body"),
        pytest.param(vendors(VENDORS_BODY[:-1]), id="shorter body"),
        pytest.param(vendors(b""), id="no body"),
        pytest.param(vendors(b"ssl_check=1&" + VENDORS_BODY), id="ssl_check"),
        pytest.param(vendors(b"\xff\xfe" + VENDORS_BODY), id="not UTF-8"),
        pytest.param(vendors(x_slack_signature=""), id="empty signature"),
        pytest.param(vendors(x_slack_signature=VENDORS_SIGNATURE.upper()), id="upper case"),
        pytest.param(vendors(x_slack_signature=f"V0{VENDORS_SIGNATURE[2:]}"), id="V0"),
        pytest.param(vendors(x_slack_signature=f"v1{VENDORS_SIGNATURE[2:]}"), id="v1"),
        pytest.param(vendors(x_slack_signature=VENDORS_SIGNATURE[3:]), id="no version"),
        pytest.param(vendors(x_slack_signature=f"{VENDORS_SIGNATURE} "), id="a space more"),
        pytest.param(vendors(x_slack_signature="v0=é\xff"), id="not ASCII"),
        pytest.param(vendors(x_slack_request_timestamp=""), id="empty timestamp"),
        pytest.param(vendors(x_slack_request_timestamp="soon"), id="no number"),
        pytest.param(vendors(x_slack_request_timestamp=f"{VENDORS_TIMESTAMP}.0"), id="fraction"),
        pytest.param(vendors(x_slack_request_timestamp=f"-{VENDORS_TIMESTAMP}"), id="negative"),
        pytest.param(vendors(x_slack_request_timestamp=f"0{VENDORS_TIMESTAMP}"), id="leading zero"),
        pytest.param(vendors(x_slack_request_timestamp="9" * 400), id="endless"),
        pytest.param(vendors(x_slack_request_timestamp="\xb2531420618"), id="superscript"),
        pytest.param(
            request(VENDORS_BODY, ("x-slack-request-timestamp", VENDORS_TIMESTAMP)),
            id="no signature",
        ),
        pytest.param(
            request(VENDORS_BODY, ("x-slack-signature", VENDORS_SIGNATURE)), id="no timestamp"
        ),
        pytest.param(
            request(
                VENDORS_BODY,
                ("x-slack-request-timestamp", VENDORS_TIMESTAMP),
                ("x-slack-signature", VENDORS_SIGNATURE),
                ("x-slack-signature", VENDORS_SIGNATURE),
            ),
            id="two signatures",
        ),
    ],
)
def test_invalid_signatures_are_refused(inbound: Inbound) -> None:
    with pytest.raises(AuthenticationFailed):
        at(float(VENDORS_TIMESTAMP)).check(inbound)


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        Signature(Secret(secret), ManualClock())


@given(body=st.binary(max_size=300), change=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=50)
def test_every_bit_of_the_body_is_signed(body: bytes, change: int, bit: int) -> None:
    clock = ManualClock()
    signature = Signature(Secret(SECRET), clock)
    good = Signer(clock).sign(body)
    signature.check(good)
    if body:
        spoilt = bytearray(body)
        spoilt[change % len(body)] ^= 1 << bit
        with pytest.raises(AuthenticationFailed):
            signature.check(Inbound("POST", "/", good.headers, bytes(spoilt), "request-1"))


@pytest.mark.anyio
async def test_the_channel_recognises_and_authenticates(
    config: Any, services: Services, signer: Signer
) -> None:
    channel = SlackChannel(config, services)
    inbound = signer.event(event())
    assert channel.recognises(inbound)
    claims = await channel.authenticate(inbound)
    assert claims.identity is None
    assert not channel.recognises(request(b"{}", ("authorization", "Bearer a.b.c")))


@pytest.mark.anyio
@pytest.mark.parametrize("repeated", ["x-slack-signature", "x-slack-request-timestamp"])
async def test_repeated_headers_are_recognised_and_refused(
    config: Any, services: Services, repeated: str
) -> None:
    channel = SlackChannel(config, services)
    inbound = request(b"{}", (repeated, "1"), (repeated, "2"))
    assert channel.recognises(inbound)
    with pytest.raises(AuthenticationFailed):
        await channel.authenticate(inbound)


@pytest.mark.anyio
async def test_without_a_signing_secret_no_http_request_is_slacks(
    configured: Any, app_token: Secret, services: Services, signer: Signer
) -> None:
    config = configured(signing_secret=None, app_token=app_token)
    channel = SlackChannel(config, services)
    inbound = signer.event(event())
    assert not channel.recognises(inbound)
    with pytest.raises(AuthenticationFailed):
        await channel.authenticate(inbound)
