"""What a bearer token is worth, over HTTP."""

import time
from collections.abc import AsyncIterator
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


async def trusting(start: Any, issuer: StandInIssuer, **more: Any) -> Any:
    """Return a server that trusts the issuer as ``corp``; its people have no roles."""
    settings = {
        "name": "corp",
        "kind": "oidc",
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "metadata": issuer.metadata_url,
        **more,
    }
    return await start(auth={"issuers": [settings]})


@pytest.mark.parametrize(("more", "who"), [({}, "portal"), ({"impersonation": True}, "boss")])
async def test_speaking_for_others_needs_an_issuer_that_allows_it(
    start: Any, corp: StandInIssuer, more: dict[str, Any], who: str
) -> None:
    server = await trusting(start, corp, **more)
    token = corp.token(sub="portal", scope="act")

    answer = await ask(server, token, **{"from": {"id": "boss"}})

    assert f"the identity corp:{who} " in answer.error["details"]
