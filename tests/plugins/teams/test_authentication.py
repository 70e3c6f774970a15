"""Nothing gets in that the Bot Framework did not send to us."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from smartops import Refusal, Services
from smartops.channels import Headers, Inbound
from smartops.testing import ManualClock
from smartops_teams import TeamsChannel
from teams_acts import ALICE, STRANGE_TENANT, TENANT, Issuers, activity
from teams_attacks import ATTACKS, Attack

pytestmark = pytest.mark.anyio

BODIES = {401: "Invalid or missing bearer token", 403: "This request is not accepted here"}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_attack(
    attack: Attack,
    service: Issuers,
    make_channel: Callable[..., TeamsChannel],
    caplog: pytest.LogCaptureFixture,
) -> None:
    channel = make_channel(accept_emulator_tokens=attack.emulator)
    authorization, body = attack.request(service)
    inbound = service.inbound(body, authorization)
    caplog.set_level(logging.INFO)
    if attack.status == 200:
        claims = await channel.authenticate(inbound)
        (message,) = channel.read(inbound, claims).messages
        assert str(message.sender) == f"teams:{TENANT}:{ALICE}"
        return
    with pytest.raises(Refusal) as refusal:
        await channel.authenticate(inbound)
    assert refusal.value.status == attack.status
    if attack.status != 400:
        assert refusal.value.message == BODIES[attack.status]
        assert refusal.value.details is None
        assert refusal.value.reason or caplog.records  # the reason is for the operator
    if authorization:
        signature = authorization.rpartition(".")[2] or authorization
        assert signature not in caplog.text + refusal.value.reason


def test_every_case_is_tried_once() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 90


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


async def test_the_issuer_away_means_no(service: Issuers, channel: TeamsChannel) -> None:
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
    said = activity(conversation={"id": "a:1", "tenantId": STRANGE_TENANT}, channelData=None)
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(said))
    assert f"request request-1 is not for us: the tenant '{STRANGE_TENANT}'" in caplog.text
    assert {record.name for record in caplog.records} == {"smartops.teams"}


async def test_what_strangers_wrote_cannot_break_the_log(
    service: Issuers, channel: TeamsChannel, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(activity(channelId="x\n\x1b[31m" * 100)))
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 300


async def test_recognising_selects_by_the_unverified_issuer(
    service: Issuers, channel: TeamsChannel, make_channel: Callable[..., TeamsChannel]
) -> None:
    entra = service.inbound(activity(), f"Bearer {service.entra.token()}")
    assert channel.recognises(service.inbound(activity()))
    assert channel.recognises(service.inbound(b"", f"Bearer {service.framework.token()}x"))
    assert not channel.recognises(entra)
    assert make_channel(accept_emulator_tokens=True).recognises(entra)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "é é"])
async def test_recognising_never_raises(
    channel: TeamsChannel, service: Issuers, authorization: str | None
) -> None:
    pairs = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    assert not channel.recognises(Inbound("POST", "/", Headers(pairs), b"", "r"))


async def test_two_authorization_headers_are_not_recognised(
    channel: TeamsChannel, service: Issuers
) -> None:
    pair = (b"authorization", f"Bearer {service.framework.token()}".encode())
    assert not channel.recognises(Inbound("POST", "/", Headers([pair, pair]), b"", "r"))


async def test_listed_loopback_hosts_may_be_answered_without_https(
    service: Issuers, make_channel: Callable[..., TeamsChannel]
) -> None:
    channel = make_channel(service_hosts=["localhost"], accept_emulator_tokens=True)
    said = activity(serviceUrl="http://localhost:56150/_connector")
    await channel.authenticate(service.inbound(said, f"Bearer {service.entra.token()}"))
    strange = activity(serviceUrl="http://127.0.0.1:56150/")
    with pytest.raises(Refusal):
        await channel.authenticate(service.inbound(strange, f"Bearer {service.entra.token()}"))


async def test_the_servers_depth_limit_holds(
    service: Issuers, services: Services, make_channel: Callable[..., TeamsChannel]
) -> None:
    deep: object = "bottom"
    for _ in range(services.max_depth + 1):
        deep = [deep]
    with pytest.raises(Refusal) as refusal:
        await make_channel().authenticate(service.inbound(activity(value=deep)))
    assert refusal.value.status == 400
