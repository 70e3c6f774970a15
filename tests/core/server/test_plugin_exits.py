"""A plugin that calls ``sys.exit()``, in whatever place, does not stop the server."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def lives(server: Any) -> bool:
    assert (await server.request("GET", "/livez")).status == 200
    answer = await server.say("ping")
    return bool(answer.body["data"]["message"] == "pong")


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt()])
async def test_exit_in_a_handler_or_a_backend(server: Any, error: BaseException) -> None:
    server.deployment.error = error
    answer = await server.say("crash")
    checks = {check.name: check.text for check in await server.app.readiness()}
    server.deployment.error = None
    assert (answer.status, answer.error["code"]) == (500, "INTERNAL_ERROR")
    assert answer.body["request_id"] in answer.error["details"]
    assert checks["backend deployment"] == "failed; see the log"
    assert await lives(server)


@pytest.mark.parametrize("where", ["authenticate", "read", "refuse"])
async def test_exit_in_a_channel(server: Any, caplog: Any, where: str) -> None:
    server.push.ends = where
    proof = "wrong" if where == "refuse" else "secret"
    answer = await server.request(
        "POST", "/api/messages", data=b'["ping"]', headers={"X-Push": proof}
    )
    server.push.ends = ""
    assert answer.status == (401 if where == "refuse" else 500)
    assert "push" in caplog.text
    assert "SystemExit" in caplog.text
    assert await lives(server)


async def test_exit_while_a_channel_sends(server: Any, caplog: Any) -> None:
    server.push.ends = "send"
    answer = await server.request(
        "POST", "/api/messages", data=b'["ping"]', headers={"X-Push": "secret"}
    )
    assert answer.status == 202
    await server.until(lambda: "a reply could not be delivered by push" in caplog.text)
    server.push.ends = ""
    assert await lives(server)
