"""Authentication in one process; test_over_http has the table of attacks."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from smartops import Refusal, Services
from smartops.channels import Headers, Inbound
from smartops.testing import ManualClock
from smartops_teams import TeamsChannel
from teams_activities import STRANGE_TENANT, Issuers, activity

pytestmark = pytest.mark.anyio


async def test_one_token_serves_many_activities(service: Issuers, channel: TeamsChannel) -> None:
    authorization = f"Bearer {service.framework.token()}"
    for _ in range(3):
        await channel.authenticate(service.inbound(activity(), authorization))
    assert service.framework.fetches["/keys"] == 1


async def test_an_unknown_key_is_looked_up_once(service: Issuers, channel: TeamsChannel) -> None:
    await channel.authenticate(service.inbound(activity()))
    before = service.framework.fetches["/keys"]
    for number in range(5):
        unknown = service.framework.sign({"iss": service.framework.issuer}, headers={"kid": "x"})
        with pytest.raises(Refusal):
            await channel.authenticate(service.inbound(activity(), f"Bearer {unknown}"))
        assert service.framework.fetches["/keys"] == before + 1, number


async def test_rotated_keys_are_found(
    service: Issuers, channel: TeamsChannel, clock: ManualClock
) -> None:
    await channel.authenticate(service.inbound(activity()))
    service.framework.rotate()
    clock.advance(120)
    await channel.authenticate(service.inbound(activity()))


async def test_an_accepted_token_expires(
    service: Issuers, channel: TeamsChannel, clock: ManualClock
) -> None:
    inbound = service.inbound(activity())
    await channel.authenticate(inbound)
    clock.advance(2 * 3600)
    with pytest.raises(Refusal) as refusal:
        await channel.authenticate(inbound)
    assert refusal.value.status == 401


async def test_an_unreachable_issuer_refuses(service: Issuers, channel: TeamsChannel) -> None:
    await service.framework.down()
    try:
        with pytest.raises(Refusal) as refusal:
            await channel.authenticate(service.inbound(activity()))
    finally:
        await service.framework.up()
    assert refusal.value.status == 401


async def test_the_reason_is_logged(
    service: Issuers, channel: TeamsChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sent = activity(conversation={"id": "a:1", "tenantId": STRANGE_TENANT}, channelData=None)
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(sent))
    assert f"request request-1 is not for us: the tenant '{STRANGE_TENANT}'" in caplog.text
    assert {record.name for record in caplog.records} == {"smartops.teams"}


async def test_text_of_a_request_cannot_break_the_log(
    service: Issuers, channel: TeamsChannel, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(activity(channelId="x\n\x1b[31m" * 100)))
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 300


async def test_a_request_is_recognised_by_its_unverified_issuer(
    service: Issuers, channel: TeamsChannel, make_channel: Callable[..., TeamsChannel]
) -> None:
    entra = service.inbound(activity(), f"Bearer {service.entra.token()}")
    assert channel.recognises(service.inbound(activity()))
    assert channel.recognises(service.inbound(b"", f"Bearer {service.framework.token()}x"))
    assert not channel.recognises(entra)
    assert make_channel(accept_emulator_tokens=True).recognises(entra)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "é é"])
async def test_a_malformed_authorization_is_not_recognised(
    channel: TeamsChannel, service: Issuers, authorization: str | None
) -> None:
    pairs = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    assert not channel.recognises(Inbound("POST", "/", Headers(pairs), b"", "r"))


async def test_two_authorization_headers_are_not_recognised(
    channel: TeamsChannel, service: Issuers
) -> None:
    pair = (b"authorization", f"Bearer {service.framework.token()}".encode())
    assert not channel.recognises(Inbound("POST", "/", Headers([pair, pair]), b"", "r"))


async def test_a_listed_loopback_host_may_use_http(
    service: Issuers, make_channel: Callable[..., TeamsChannel]
) -> None:
    channel = make_channel(service_hosts=["localhost"], accept_emulator_tokens=True)
    sent = activity(serviceUrl="http://localhost:56150/_connector")
    await channel.authenticate(service.inbound(sent, f"Bearer {service.entra.token()}"))
    strange = activity(serviceUrl="http://127.0.0.1:56150/")
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(strange, f"Bearer {service.entra.token()}"))


async def test_the_depth_limit_of_the_server_applies(
    service: Issuers, services: Services, make_channel: Callable[..., TeamsChannel]
) -> None:
    deep: object = "bottom"
    for _ in range(services.max_depth + 1):
        deep = [deep]
    with pytest.raises(Refusal) as refusal:
        await make_channel().authenticate(service.inbound(activity(value=deep)))
    assert refusal.value.status == 400
