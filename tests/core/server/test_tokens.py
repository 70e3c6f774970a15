"""What a bearer token is worth, over HTTP."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartops.auth import LocalIssuer
from smartops.config.settings import LocalIssuerSettings
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio


async def ask(server: Any, token: str, text: str = "whoami", **more: Any) -> Any:
    """Post a message with exactly this token."""
    return await server.post({"text": text, **more}, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(("ago", "status"), [(15, 200), (45, 401)])
async def test_a_token_is_accepted_until_30_seconds_after_its_expiry(
    server: Any, key: Path, ago: int, status: int
) -> None:
    settings = LocalIssuerSettings(name="local", kind="local", key=key)
    issuer = LocalIssuer(settings, ManualClock(time.time() - 60 - ago))

    answer = await ask(server, issuer.make_token("alice", lifetime=timedelta(seconds=60)))

    assert answer.status == status
