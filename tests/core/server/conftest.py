"""A whole SmartOps on a real port, with a plugin that does what tests need."""

import io
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import anyio
import pytest
import structlog

import smartops_api
from smartops import (
    BackendUnavailable,
    Call,
    Change,
    Clock,
    Identity,
    Message,
    Plan,
    Refusal,
    Reply,
    command,
    hookimpl,
)
from smartops.app import App, assemble
from smartops.backends import Backend
from smartops.channels import (
    AuthenticationFailed,
    Channel,
    Claims,
    Inbound,
    Place,
    Receipt,
    Response,
)
from smartops.config import Settings
from smartops.plugins import Plugins
from smartops.server import serve
from smartops.telemetry import configure
from smartops.testing.running import store_url


class Deployment(Backend):
    """The state that the test plugin's commands change."""

    name = "deployment"

    def __init__(self) -> None:
        self.door = "shut"
        self.started = anyio.Event()
        self.release = anyio.Event()
        self.finished = 0
        self.away = False
        self.error: BaseException | None = None
        self.block: Callable[[], object] = time.time

    async def ping(self) -> None:
        if self.away:
            raise BackendUnavailable("it is unavailable")
        if self.error:
            raise self.error


def plugin(deployment: Deployment, channels: Sequence[Channel]) -> ModuleType:
    @command("ping")
    async def ping(call: Call) -> Reply:
        """Answer."""
        return Reply.of("pong", data={"who": str(call.person)})

    @command("hang on")
    async def hang_on() -> str:
        """Wait until the test lets go."""
        deployment.started.set()
        await deployment.release.wait()
        deployment.finished += 1
        return "done"

    @command("crash")
    async def crash() -> str:
        """Fail in a way nobody foresaw."""
        if deployment.error is not None:
            raise deployment.error
        raise RuntimeError("the password is hunter2")

    @command("block")
    async def block() -> str:
        """Block the event loop."""
        deployment.block()
        return "done"

    @command("wait")
    def wait() -> str:
        """Block a thread."""
        deployment.block()
        return "done"

    @command("say much")
    async def say_much() -> str:
        """Say more than fits a buffer."""
        return "x" * 300_000

    @command("open door", effect="change")
    async def open_door() -> str:
        """Open the door."""
        deployment.door = "open"
        return "The door is open."

    @open_door.plan
    async def plan() -> Plan:
        return Plan("Open the door", (Change("door", "door", deployment.door, "open"),))

    module = ModuleType("deployment")
    commands = [ping, hang_on, crash, block, wait, say_much, open_door]
    module.register_commands = hookimpl(lambda: commands)  # type: ignore[attr-defined]
    module.register_channels = hookimpl(lambda: channels)  # type: ignore[attr-defined]
    module.register_backends = hookimpl(lambda: [deployment])  # type: ignore[attr-defined]
    return module


class PushChannel(Channel):
    """Recognised by a header, proven by a secret; answers later, in a list."""

    name = "push"

    def __init__(self) -> None:
        self.sent: list[tuple[str, Reply]] = []
        self.delivered = anyio.Event()
        self.unable: Exception | None = None
        self.ends = ""
        self._numbers = itertools.count(1)

    def recognises(self, inbound: Inbound) -> bool:
        return inbound.headers.get("x-push") is not None

    async def authenticate(self, inbound: Inbound) -> Claims:
        if self.ends == "authenticate":
            raise SystemExit(2)
        if inbound.headers.get("x-push") != "secret":
            raise AuthenticationFailed("No.")
        return Claims(None)

    def read(self, inbound: Inbound, claims: Claims) -> Receipt:
        if self.ends == "read":
            raise SystemExit(2)
        texts = json.loads(inbound.body)
        return Receipt(tuple(map(self.message, texts)), Response(202, b"noted", "text/plain"))

    def message(self, text: str) -> Message:
        sender, place = Identity("local", "", "pusher"), Place("push")
        act = f"act-{next(self._numbers)}"
        return Message(act, "push", "c", sender, place, Clock().now(), f"r-{text}", text=text)

    async def send(self, message: Message, reply: Reply, *, replaces: str = "") -> str:
        if self.ends == "send":
            raise SystemExit(2)
        if self.unable:
            raise self.unable
        self.sent.append((message.text, reply))
        self.delivered.set()
        return f"shown-{message.id}"

    def refuse(self, inbound: Inbound, error: Refusal) -> Response | None:
        if self.ends == "refuse":
            raise SystemExit(2)
        if inbound.headers.get("x-shape") == "broken":
            raise RuntimeError("a bug in a channel")
        return Response(error.status, b"my own way", "text/plain")


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        assert set(self.body) == {"status", "error", "timestamp", "request_id"}
        assert self.body["status"] == "error"
        error: dict[str, Any] = self.body["error"]
        return error


@dataclass
class Served:
    """A running server and how to talk to it."""

    app: App
    url: str
    session: aiohttp.ClientSession
    stop: anyio.Event
    stopped: anyio.Event
    deployment: Deployment
    push: PushChannel
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    def token(self, user: str = "alice", **options: Any) -> str:
        return self.app.composition.local_issuers[0].make_token(user, **options)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, self.url + path, **options) as response:
            return Answer(response.status, response.headers, await response.text())

    async def post(
        self,
        body: Any,
        *,
        user: str = "alice",
        headers: Mapping[str, str] | None = None,
        **token: Any,
    ) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {
            "Authorization": f"Bearer {self.token(user, **token)}",
            "Content-Type": "application/json",
        }
        return await self.request(
            "POST", "/api/messages", data=data, headers={**usual, **(headers or {})}
        )

    async def say(self, text: str, **options: Any) -> Answer:
        return await self.post({"text": text}, **options)

    @asynccontextmanager
    async def hanging(self) -> AsyncIterator[list[Answer]]:
        """Have a message in flight within the block; its answer is in the list after it."""
        answers: list[Answer] = []

        async def ask() -> None:
            answers.append(await self.say("hang on"))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await self.deployment.started.wait()
            yield answers

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for what happens by itself."""
        with anyio.fail_after(10):
            while not condition():
                await anyio.sleep(0.005)

    async def raw(self, *parts: bytes) -> bytes:
        """Send bytes as they are, each when the one before is out; return all that comes back."""
        async with await anyio.connect_tcp("127.0.0.1", self.port) as stream:
            for part in parts:
                await stream.send(part)
            received = b""
            try:
                while True:
                    received += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return received


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run one event loop for a module, whose tests may share a server."""
    return "asyncio"


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the local issuer's key is; making one takes a while."""
    return tmp_path_factory.mktemp("issuer") / "local.pem"


def settings(folder: Path, key: Path, **server: Any) -> Settings:
    many = {"limit": 10_000, "window": timedelta(minutes=1)}
    changes = {
        name: server.pop(name)
        for name in ("limits", "auth", "store", "people", "roles")
        if name in server
    }
    return Settings.model_validate(
        {
            "server": {"port": 0, **server},
            "store": {"url": store_url(folder / "smartops.db")},
            "auth": {"issuers": [{"name": "local", "kind": "local", "key": key}]},
            "guests": [
                {"provider": "local", "roles": ["operator"]},
                {"provider": "anonymous", "roles": ["operator"]},
            ],
            "roles": {"operator": {}},
            "rules": [{"name": "operators", "allow": {"roles": ["operator"]}}],
            "limits": {"user": many, "team": many, "burst": many},
            **changes,
        }
    )


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def start(tmp_path: Path, key: Path) -> AsyncIterator[Serve]:
    """Return a function that starts a server; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(*, api: bool = True, **options: Any) -> Served:
            return await stack.enter_async_context(_serving(tmp_path, key, api=api, **options))

        yield start


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, key: Path) -> AsyncIterator[Served]:
    """Return a running server that is shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("server")
    async with _serving(folder, key, api=True) as served:
        yield served


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return the lines that are logged from now on; ask for it before a server is started."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure("info", "json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@asynccontextmanager
async def _serving(
    folder: Path, key: Path, *, api: bool, fallback: bool = False, **options: Any
) -> AsyncIterator[Served]:
    deployment, push, plugins = Deployment(), PushChannel(), Plugins()
    push.fallback = fallback
    plugins.register("deployment", plugin(deployment, [push]))
    if api:
        plugins.register("api", smartops_api)
    plugins.configs = dict.fromkeys(plugins.names)
    app = App(assemble(settings(folder, key, **options), plugins, Clock()))
    urls: list[str] = []
    listening, stop, stopped = anyio.Event(), anyio.Event(), anyio.Event()

    def ready(url: str) -> None:
        urls.append(url)
        listening.set()

    async def run() -> None:
        await serve(app, ready=ready, stop=stop)
        stopped.set()

    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        group.start_soon(run)
        await listening.wait()
        yield Served(app, urls[0], session, stop, stopped, deployment, push)
        stop.set()
        deployment.release.set()
        await stopped.wait()
