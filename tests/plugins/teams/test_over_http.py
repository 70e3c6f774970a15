"""Every attack, and one honest request, over HTTP against running servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import pytest

from adaptive import loaded, shown
from serving import HttpAnswer, Server, request
from teams_activities import ALICE, APP_ID, TENANT, Issuers, in_channel
from teams_attacks import ATTACKS, Attack

pytestmark = pytest.mark.anyio

LONGEST_HEADERS = 16 * 1024  # the server refuses more before a channel sees it

CONFIG = """
store: {{url: "sqlite:///{name}.db"}}
auth:
  issuers:
    - {{name: local, kind: local, key: {name}.pem}}
people:
  alice: {{roles: [operator], identities: ["teams:{tenant}:{alice}"]}}
roles:
  operator:
rules:
  - {{name: operators, allow: {{roles: operator}}}}
limits:
  user: {{limit: 10000, window: 1m}}
  team: {{limit: 10000, window: 1m}}
  burst: {{limit: 10000, window: 10s}}
plugins:
  api:
  teams:
    app_id: {app_id}
    tenants: [{tenant}]
    metadata: {metadata}
    emulator_metadata: {emulator_metadata}
    accept_emulator_tokens: {emulator}
"""


@dataclass
class Served:
    """The issuers, and servers that trust them, by whether they accept emulator tokens."""

    service: Issuers
    servers: dict[bool, Server]

    async def post(
        self, body: Any, authorization: str | None, *, emulator: bool = False
    ) -> HttpAnswer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        url = f"{self.servers[emulator].url}/api/messages"
        return await anyio.to_thread.run_sync(request, url, raw, headers)


@pytest.fixture(scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    async with Issuers.start() as service:
        servers: dict[bool, Server] = {}
        try:
            async with anyio.create_task_group() as group:
                for emulator in (False, True):
                    config = folder / f"emulator-{emulator}.yaml"
                    text = CONFIG.format(
                        name=config.stem,
                        tenant=TENANT,
                        alice=ALICE,
                        app_id=APP_ID,
                        metadata=service.framework.metadata_url,
                        emulator_metadata=service.entra.metadata_url,
                        emulator=str(emulator).lower(),
                    )
                    config.write_text(text)
                    servers[emulator] = Server(config)
                    group.start_soon(anyio.to_thread.run_sync, servers[emulator].start)
            yield Served(service, servers)
        finally:
            for server in servers.values():
                await anyio.to_thread.run_sync(server.stop)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_attack(attack: Attack, served: Served) -> None:
    authorization, body = attack.request(served.service)
    answer = await served.post(body, authorization, emulator=attack.emulator)
    too_long = authorization is not None and len(authorization) > LONGEST_HEADERS
    assert answer.status == (431 if too_long else attack.status)
    if answer.status in (401, 403):
        assert set(answer.body["error"]) == {"code", "message"}  # the reason is in the log only
    signature = (authorization or "").rpartition(".")[2]
    if len(signature) > 20:
        assert signature not in served.servers[attack.emulator].log.read_text()


def test_the_table_of_attacks_is_complete() -> None:
    names = {attack.name for attack in ATTACKS}
    assert len(names) == len(ATTACKS) == 119


async def test_an_honest_request_is_answered_with_a_card(served: Served) -> None:
    sent = in_channel("whoami", deliveryMode="expectReplies")
    answer = await served.post(sent, f"Bearer {served.service.framework.token()}")
    assert answer.status == 200
    (activity,) = answer.body["activities"]
    card = loaded(json.dumps(activity["attachments"][0]["content"]))
    assert {"alice", f"teams:{TENANT}:{ALICE}"} <= set(shown(card))
