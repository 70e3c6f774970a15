"""The client and the server, together."""

from typing import Any

import anyio
import pytest

from smartops import ValidationFailed
from smartops.channels import ApprovalInvalid, AuthenticationFailed
from smartops.client import AsyncSmartOpsClient, SmartOpsClient

pytestmark = pytest.mark.anyio


async def test_a_change_is_confirmed_once(start: Any) -> None:
    server = await start(base_path="/prod")

    async with AsyncSmartOpsClient(server.url, server.token()) as client:
        asked = await client.send_command("open door", "alice")
        assert asked.pending
        assert server.world.door == "shut"
        done = await client.confirm(asked)
        assert done["status"] == "success"
        assert server.world.door == "open"
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

    assert server.world.door == "shut"


async def test_what_was_refused_for_its_haste_is_done_when_it_comes_back(start: Any) -> None:
    window, large = {"limit": 1, "window": "1s"}, {"limit": 100, "window": "1m"}
    server = await start(limits={"user": window, "team": large, "burst": large})

    async with AsyncSmartOpsClient(server.url, server.token(), jitter=lambda: 0.1) as client:
        answers = [await client.send_command("ping", "alice") for _ in range(2)]

    assert [answer.message for answer in answers] == ["pong", "pong"]


async def test_what_takes_longer_arrives_in_the_end(start: Any) -> None:
    server = await start(wait="50ms")
    answers = []

    async def ask(client: AsyncSmartOpsClient) -> None:
        answers.append(await client.send_command("hang on", "alice"))

    async with (
        AsyncSmartOpsClient(server.url, server.token()) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(ask, client)
        await server.world.started.wait()
        await anyio.sleep(0.2)
        server.world.release.set()

    assert answers[0].message == "done"
    assert server.world.finished == 1


async def test_the_plain_client_as_documented(server: Any) -> None:
    client = SmartOpsClient(server.url, server.token("user123"))

    answer = await anyio.to_thread.run_sync(client.send_command, "ping", "user123")

    assert answer["data"]["who"] == "local:user123"


async def test_refusals_arrive_as_what_they_are(server: Any) -> None:
    async with AsyncSmartOpsClient(server.url, server.token()) as client:
        with pytest.raises(ValidationFailed) as caught:
            await client.send_command("pong", "alice")
    assert caught.value.response is not None
    assert caught.value.response["request_id"]

    async with AsyncSmartOpsClient(server.url, "junk") as client:
        with pytest.raises(AuthenticationFailed):
            await client.send_command("ping", "alice")
