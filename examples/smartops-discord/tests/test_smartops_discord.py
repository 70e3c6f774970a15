import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import smartops_discord
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from smartops import Secret
from smartops.channels import AuthenticationFailed, Headers, Inbound
from smartops.testing import Bot, ChannelContract, ChannelDriver, ManualClock
from smartops.testing.channels import (
    Handshake,
    Harness,
    Press,
    ShownMessage,
    WireRequest,
    WireResponse,
)

APPLICATION, CHANNEL = "1234", "c1"


class Discord(ChannelDriver):
    """A server of Discord's API, which makes interactions and holds the messages."""

    provider = "discord"
    threads = False

    def __init__(self, clock: ManualClock) -> None:
        self.key = Ed25519PrivateKey.generate()
        self._clock = clock
        self._numbers = itertools.count(1)
        self._messages: dict[str, dict[str, Any]] = {}
        self._originals: dict[str, str] = {}
        self._senders: dict[str, str] = {}
        self._wires: dict[bytes, dict[str, Any]] = {}
        self._rejected: list[str] = []

    def says(self, text: str, *, user: str = "alice", thread: str = "") -> WireRequest:
        options = [{"type": 3, "name": "text", "value": text}]
        return self.signed(self._interaction(2, user, {"name": "smartops", "options": options}))

    def presses(self, seen: ShownMessage, what: Press, *, user: str = "alice") -> WireRequest:
        ids = [button["custom_id"] for button in _buttons(seen.platform)]
        custom_id = next((id_ for id_ in ids if id_.startswith(f"{what}:")), ids[0] if ids else "")
        body = self._interaction(3, user, {"component_type": 2, "custom_id": custom_id})
        return self.signed({**body, "message": {"id": seen.platform["id"]}})

    def forge(self, wire: WireRequest) -> Mapping[str, WireRequest]:
        old = self._sign(wire.body, str(int(self._clock.time()) - 3600))
        other = {**wire.headers, "x-signature-ed25519": "00" * 64}
        return {
            "unsigned": WireRequest(wire.body),
            "signed by another": WireRequest(wire.body, other),
            "not hexadecimal": WireRequest(wire.body, {**other, "x-signature-ed25519": "zz"}),
            "changed": WireRequest(wire.body.replace(b"alice", b"mallo"), wire.headers),
            "expired": WireRequest(wire.body, old),
        }

    def handshakes(self) -> Sequence[Handshake]:
        return [Handshake(self.signed({"id": "1", "type": 1}), b'{"type": 1}')]

    def seen(self) -> Sequence[ShownMessage]:
        return [
            ShownMessage(
                message["content"].removeprefix("```\n").removesuffix("\n```"),
                frozenset(item["custom_id"].partition(":")[0] for item in _buttons(message)),
                to=message["to"],
                calls=tuple(message["allowed_mentions"]["parse"]),
                platform=dict(message),
            )
            for message in self._messages.values()
            if message.get("content")
        ]

    def rejected(self) -> Sequence[str]:
        return self._rejected

    def record_response(self, wire: WireRequest, response: WireResponse) -> None:
        body = self._wires.get(wire.body)
        if body is None or response.status != 200 or body["token"] in self._originals:
            return
        kind = json.loads(response.body)["type"]
        if kind == 5:
            self._originals[body["token"]] = self._post({}, "")
        elif kind == 6:
            self._originals[body["token"]] = body["message"]["id"]

    def routes(self) -> Sequence[web.RouteDef]:
        path = f"/webhooks/{APPLICATION}/{{token}}"
        return [
            web.post(path, self._follow),
            web.patch(f"{path}/messages/{{id}}", self._edit),
            web.delete(f"{path}/messages/{{id}}", self._delete),
            web.patch(f"/channels/{CHANNEL}/messages/{{id}}", self._edit),
        ]

    async def _follow(self, request: web.Request) -> web.Response:
        content = await self._content(request)
        ephemeral = content.get("flags") == 64
        id_ = self._post(content, self._senders[request.match_info["token"]] if ephemeral else "")
        return web.json_response({"id": id_})

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._find(request)
        message.update(await self._content(request))
        return web.json_response({"id": message["id"]})

    async def _delete(self, request: web.Request) -> web.Response:
        del self._messages[self._find(request)["id"]]
        return web.Response(status=204)

    def _find(self, request: web.Request) -> dict[str, Any]:
        token, id_ = request.match_info.get("token", ""), request.match_info["id"]
        assert token or request.headers["Authorization"] == "Bot bot"
        found = self._messages.get(self._originals.get(token, "") if id_ == "@original" else id_)
        if found is None:
            self._rejected.append(f"{request.method} of the unknown message {id_}")
            raise web.HTTPNotFound
        return found

    async def _content(self, request: web.Request) -> dict[str, Any]:
        content: dict[str, Any] = await request.json()
        if len(content["content"]) > 2000:
            self._rejected.append("too long a message")
        return content

    def _post(self, content: Mapping[str, Any], to: str) -> str:
        id_ = f"m{next(self._numbers)}"
        self._messages[id_] = {"id": id_, "to": to, **content}
        return id_

    def _interaction(self, kind: int, user: str, data: object) -> dict[str, Any]:
        number = next(self._numbers)
        member = {"user": {"id": user, "username": user}}
        place = {"guild_id": "g1", "channel_id": CHANNEL, "application_id": APPLICATION}
        self._senders[f"token{number}"] = user
        identity = {"id": f"i{number}", "token": f"token{number}", "version": 1}
        return {**identity, **place, "type": kind, "member": member, "data": data}

    def signed(self, body: dict[str, Any]) -> WireRequest:
        content = json.dumps(body).encode()
        if "token" in body:
            self._wires[content] = body
        return WireRequest(content, self._sign(content, str(int(self._clock.time()))))

    def _sign(self, content: bytes, timestamp: str) -> Mapping[str, str]:
        signature = self.key.sign(timestamp.encode() + content).hex()
        return {"x-signature-ed25519": signature, "x-signature-timestamp": timestamp}


def _buttons(message: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return [button for row in message.get("components", ()) for button in row["components"]]


class TestDiscord(ChannelContract):
    @pytest.fixture
    async def driver(self, bot: Bot) -> AsyncIterator[ChannelDriver]:
        discord, app = Discord(bot.clock), web.Application()
        app.add_routes(discord.routes())
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        bot.load(
            smartops_discord,
            application_id=APPLICATION,
            public_key=discord.key.public_key().public_bytes_raw().hex(),
            bot_token=Secret("bot"),
            api=f"http://{host}:{port}",
        )
        yield discord
        await bot.aclose()
        await runner.cleanup()

    async def test_a_typed_cancel_takes_the_buttons_away(self, harness: Harness) -> None:
        asked = await harness.ask_confirmation("switch lamp")
        await harness.deliver(harness.driver.says("cancel"))
        await harness.wait_until(
            lambda: not any("confirm" in item.buttons for item in harness.public())
        )
        await harness.settle()
        assert len(harness.public()) == 2
        assert asked.platform["id"] == harness.public()[0].platform["id"]
        assert harness.plugin.switched == []

    async def test_an_interaction_without_a_sender_runs_nothing(self, harness: Harness) -> None:
        driver = harness.driver
        assert isinstance(driver, Discord)
        for body in ({"type": 2}, {"type": 3, "data": 7}, {"type": 9}, {"type": "2", "id": "x"}):
            response = await harness.post(driver.signed(body))
            assert response.status == 400
        assert harness.public() == []

    async def test_a_repeated_signature_is_refused(self, harness: Harness, bot: Bot) -> None:
        wire = harness.driver.says("switch lamp")
        pairs = [(name.encode(), value.encode()) for name, value in wire.headers.items()] * 2
        inbound = Inbound("POST", "/api/messages", Headers(pairs), wire.body, "r1")
        (channel,) = (await bot.app()).channels
        assert channel.recognises(inbound)
        with pytest.raises(AuthenticationFailed):
            await channel.authenticate(inbound)
