"""The client and the server, together."""

from typing import Any

import pytest

from smartops import ValidationFailed
from smartops.channels import ApprovalInvalid, AuthenticationFailed
from smartops.client import AsyncSmartOpsClient

pytestmark = pytest.mark.anyio


async def test_a_change_is_confirmed_once(start: Any) -> None:
    server = await start(base_path="/prod")

    async with AsyncSmartOpsClient(server.url, server.token()) as client:
        asked = await client.send_command("open door", "alice")
        assert asked.pending
        assert server.deployment.door == "shut"
        done = await client.confirm(asked)
        assert done["status"] == "success"
        assert server.deployment.door == "open"
        with pytest.raises(ApprovalInvalid) as caught:
            await client.confirm(asked)

    assert (caught.value.status, caught.value.code) == (409, "APPROVAL_INVALID")


async def test_a_change_is_cancelled(start: Any) -> None:
    server = await start()

    async with AsyncSmartOpsClient(server.url, server.token()) as client:
        asked = await client.send_command("open door", "alice")
        await client.cancel(asked)
        with pytest.raises(ApprovalInvalid):
            await client.confirm(asked)

    assert server.deployment.door == "shut"


async def test_refusals_are_raised_as_their_classes(server: Any) -> None:
    async with AsyncSmartOpsClient(server.url, server.token()) as client:
        with pytest.raises(ValidationFailed) as caught:
            await client.send_command("pong", "alice")
    assert caught.value.response is not None
    assert caught.value.response["request_id"]

    async with AsyncSmartOpsClient(server.url, "junk") as client:
        with pytest.raises(AuthenticationFailed):
            await client.send_command("ping", "alice")
