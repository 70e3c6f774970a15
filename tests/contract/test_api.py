"""The HTTP channel passes the contract tests of channels."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import smartops_api
from smartops.auth import LocalIssuer
from smartops.config.settings import LocalIssuerSettings
from smartops.testing import Bot, ChannelContract, ChannelDriver
from smartops.testing.channels import Press, ShownMessage, WireRequest, WireResponse

ISSUER, AUDIENCE = "https://smartops.local", "smartops"


class ApiDriver(ChannelDriver):
    """A program, which reads the responses to its own requests."""

    provider = "local"
    pushes = False
    private_messages = False
    threads = False
    reads = False

    def __init__(self, bot: Bot, keys: Path) -> None:
        self.issuer, self.stranger = (
            LocalIssuer(LocalIssuerSettings(name="local", kind="local", key=keys / name), bot.clock)
            for name in ("local.pem", "stranger.pem")
        )
        self.clock = bot.clock
        self.answers: list[ShownMessage] = []
        self._numbers = itertools.count(1)

    def says(self, text: str, *, user: str = "alice", thread: str = "") -> WireRequest:
        return self._wire(user, text=text)

    def presses(self, seen: ShownMessage, what: Press, *, user: str = "alice") -> WireRequest:
        return self._wire(user, value={"action": seen.platform[what]})

    def forge(self, wire: WireRequest) -> Mapping[str, WireRequest]:
        good = wire.headers["authorization"].removeprefix("Bearer ")
        head, claims, signature = good.split(".")
        soon = self.issuer.make_token("alice", lifetime=timedelta(seconds=1))
        self.clock.advance(400)
        tokens = {
            "stale": soon,
            "of another key": self.stranger.make_token("alice"),
            "without a signature": f"{head}.{claims}.",
            "with another signature": f"{head}.{claims}.{signature[::-1]}",
            "no token": "nonsense",
        }
        forged = {
            what: replace(wire, headers={**wire.headers, "authorization": f"Bearer {token}"})
            for what, token in tokens.items()
        }
        bare = {"content-type": "application/json"}
        return {
            **forged,
            "nothing": replace(wire, headers=bare),
            "another scheme": replace(wire, headers={**bare, "authorization": f"Basic {good}"}),
        }

    def seen(self) -> Sequence[ShownMessage]:
        return list(self.answers)

    def record_response(self, wire: WireRequest, response: WireResponse) -> None:
        document = json.loads(response.body)
        if response.status not in (401, 403):
            actions = {item["type"]: item["action"] for item in _actions(document)}
            text = "\n".join(_texts(document))
            self.answers.append(ShownMessage(text, frozenset(actions), platform=actions))

    def _wire(self, user: str, **said: Any) -> WireRequest:
        body = {"type": "message", "id": f"m-{next(self._numbers)}", "from": {"id": user}, **said}
        token = self.issuer.make_token(user)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return WireRequest(json.dumps(body).encode(), headers)


def _actions(document: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    data = document.get("data") or {}
    return data.get("actions", ()) if isinstance(data, dict) else ()


def _texts(thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _texts(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _texts(value)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the keys, which all tests share because generating them is slow."""
    return tmp_path_factory.mktemp("keys")


class TestApi(ChannelContract):
    @pytest.fixture
    def driver(self, bot: Bot, keys: Path) -> ChannelDriver:
        driver = ApiDriver(bot, keys)
        key = str(keys / "local.pem")
        local = {"name": "local", "kind": "local", "key": key}
        bot.settings["auth"] = {"issuers": [{**local, "issuer": ISSUER, "audience": AUDIENCE}]}
        bot.load(smartops_api, name="api")
        return driver
