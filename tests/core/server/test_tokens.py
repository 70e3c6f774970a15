"""Bearer tokens over HTTP: expiry, impersonation, teams, roles."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartops.auth import LocalIssuer
from smartops.config.settings import LocalIssuerSettings
from smartops.testing import ManualClock, StandInIssuer

pytestmark = pytest.mark.anyio


async def ask(server: Any, token: str, text: str = "whoami", **more: Any) -> Any:
    """Post a message with exactly this token."""
    return await server.request(
        "POST",
        "/api/messages",
        json={"text": text, **more},
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.parametrize(("ago", "status"), [(15, 200), (45, 401)])
async def test_a_token_is_accepted_until_30_seconds_after_its_expiry(
    server: Any, key: Path, ago: int, status: int
) -> None:
    settings = LocalIssuerSettings(name="local", kind="local", key=key)
    issuer = LocalIssuer(settings, ManualClock(time.time() - 60 - ago))

    answer = await ask(server, issuer.make_token("alice", lifetime=timedelta(seconds=60)))

    assert answer.status == status


@pytest.fixture
async def corp() -> AsyncIterator[StandInIssuer]:
    async with StandInIssuer.start() as issuer:
        yield issuer


async def trusting(
    start: Any, issuer: StandInIssuer, server: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """Return a server that trusts the issuer as ``corp``; its people have no roles."""
    settings = {
        "name": "corp",
        "kind": "oidc",
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "metadata": issuer.metadata_url,
        **more,
    }
    return await start(auth={"issuers": [settings]}, **(server or {}))


@pytest.mark.parametrize(("more", "who"), [({}, "portal"), ({"impersonation": True}, "boss")])
async def test_impersonation_needs_an_issuer_that_allows_it(
    start: Any, corp: StandInIssuer, more: dict[str, Any], who: str
) -> None:
    server = await trusting(start, corp, **more)
    token = corp.token(sub="portal", scope="act")

    answer = await ask(server, token, **{"from": {"id": "boss"}})

    assert f"the identity corp:{who} " in answer.error["details"]


MANY = {"limit": 1000, "window": timedelta(minutes=1)}
BURST_OF_4 = {"user": MANY, "team": MANY, "burst": {"limit": 4, "window": timedelta(minutes=1)}}


async def test_people_without_a_team_do_not_share_its_limits(start: Any) -> None:
    server = await start(limits=BURST_OF_4)

    for user in ("alice", "bob"):
        answers = [await server.say("ping", user=user) for _ in range(5)]
        assert [answer.status for answer in answers] == [200] * 4 + [429]
        assert "(burst)" in answers[-1].error["details"]
    assert (await server.say("ping", user="carol")).status == 200


async def test_the_people_of_a_team_share_its_limits(start: Any) -> None:
    server = await start(limits=BURST_OF_4)

    for user in ("alice", "bob") * 2:
        assert (await server.say("ping", user=user, team="web")).status == 200

    assert (await server.say("ping", user="carol", team="web")).status == 429
    assert (await server.say("ping", user="carol", team="db")).status == 200


@pytest.mark.parametrize("body", [b'{"text": "ping"}', b"not JSON"])
async def test_unknown_people_use_up_their_own_limits_only(
    start: Any, corp: StandInIssuer, body: bytes
) -> None:
    people = {"alice": {"roles": ["operator"], "identities": ["corp:alice"]}}
    settings = {"limits": BURST_OF_4, "people": people}
    server = await trusting(start, corp, settings, team="team")

    async def post(sub: str) -> int:
        token = corp.token(sub=sub, team="web")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return (await server.request("POST", "/api/messages", data=body, headers=headers)).status

    strangers = [await post(f"stranger-{number}") for number in range(5)]
    assert 429 not in strangers[:4]
    assert strangers[4] == 429
    assert await post("alice") != 429


GROUPS = {"claim": "groups", "values": {"G-1": "operator", "G-2": ["operator"]}}


async def test_a_claim_gives_roles(start: Any, corp: StandInIssuer) -> None:
    server = await trusting(start, corp, roles=GROUPS)
    for groups, roles in (
        (["x", "G-1"], ["operator"]),
        ("G-2", ["operator"]),
        (["G-1", "G-2", 7, None, ["G-1"]], ["operator"]),
        (["operator", "g-1"], None),
        ("G-1 G-2", None),
        ({"G-1": "G-1"}, None),
        (None, None),
    ):
        token = corp.token(sub="zoe", groups=groups)

        who, door = await ask(server, token), await ask(server, token, "open door")

        assert (who.status, door.status) == ((200, 200) if roles else (403, 403)), groups
        if roles:
            assert who.body["data"]["roles"] == roles


async def test_roles_of_a_claim_and_of_the_configuration_add_up(
    start: Any, corp: StandInIssuer
) -> None:
    people = {"zoe": {"roles": ["viewer"], "identities": ["corp:zoe"]}}
    roles = {"viewer": {}, "operator": {}}
    server = await trusting(start, corp, {"people": people, "roles": roles}, roles=GROUPS)

    joined = await ask(server, corp.token(sub="zoe", groups=["G-1"]))
    left = await ask(server, corp.token(sub="zoe"))

    assert joined.body["data"]["roles"] == ["operator", "viewer"]
    assert left.body["data"]["roles"] == ["viewer"]


async def test_a_confirmation_needs_the_roles_of_its_own_token(
    start: Any, corp: StandInIssuer
) -> None:
    server = await trusting(start, corp, roles=GROUPS)
    member, former = corp.token(sub="zoe", groups=["G-1"]), corp.token(sub="zoe", groups=[])
    asked = await ask(server, member, "open door")
    confirm = asked.body["data"]["actions"][0]["action"]

    assert (await ask(server, former, confirm)).status == 403
    assert server.deployment.door == "shut"
    assert (await ask(server, member, confirm)).status == 200
    assert server.deployment.door == "open"


async def test_roles_of_a_claim_are_not_given_to_an_impersonated_person(
    start: Any, corp: StandInIssuer
) -> None:
    server = await trusting(start, corp, roles=GROUPS, impersonation=True)
    token = corp.token(sub="portal", scope="act", groups=["G-1"])

    assert (await ask(server, token)).status == 200
    assert (await ask(server, token, **{"from": {"id": "boss"}})).status == 403
