"""Start and graceful shutdown."""

import signal
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from smartops.errors import StartupError
from smartops.server import bounds, runner
from smartops.server.connections import Connection

pytestmark = pytest.mark.anyio


async def test_requests_in_flight_are_finished(start: Any) -> None:
    server = await start()
    async with server.hanging() as answers:
        server.stop.set()
        await server.until(lambda: not _listens(server.port))
        server.deployment.release.set()
    await server.stopped.wait()

    assert answers[0].body["data"]["message"] == "done"


async def test_acknowledged_messages_are_finished_and_delivered(start: Any) -> None:
    server = await start()
    await server.request("POST", "/api/messages", json=["hang on"], headers={"X-Push": "secret"})
    await server.deployment.started.wait()

    server.stop.set()
    await server.until(lambda: not _listens(server.port))
    assert not server.stopped.is_set()
    server.deployment.release.set()
    await server.stopped.wait()

    ((text, reply),) = server.push.sent
    assert (text, reply.status) == ("hang on", "success")


async def test_requests_beyond_the_shutdown_timeout_are_answered_with_504(start: Any) -> None:
    server = await start(shutdown_timeout="100ms")
    async with server.hanging() as answers:
        server.stop.set()
    await server.stopped.wait()

    assert (answers[0].status, answers[0].error["code"]) == (504, "TIMEOUT")
    assert "The result is unknown" in answers[0].error["details"]
    assert server.deployment.finished == 0


async def test_silent_connections_do_not_delay_shutdown(start: Any) -> None:
    server = await start()
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(b"POST /api/messages HTTP/1.1\r\nHost")
        await server.say("ping")
        server.stop.set()
        with anyio.fail_after(5):
            await server.stopped.wait()


async def test_head_and_body_of_a_response_are_sent_together(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    def send(self: socket.socket, data: bytes, *flags: int) -> int:
        sent.append(bytes(data))
        return socket.socket.send(self, data, *flags)

    monkeypatch.setattr(Connection, "send", send, raising=False)
    server = await start()
    await server.say("ping")
    (response,) = sent
    assert response.startswith(b"HTTP/1.1 200")
    assert response.endswith(b"}")


async def test_connections_that_send_no_headers_are_closed(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "KEEP_ALIVE_SECONDS", 0.2)
    server = await start()

    with anyio.fail_after(5):
        assert await server.raw() == b""
        assert await server.raw(b"POST /api/messages HTTP/1.1\r\n", b"X-A: b\r\n") == b""


async def test_a_port_in_use_is_a_start_up_problem(start: Any) -> None:
    server = await start()

    with pytest.raises(BaseExceptionGroup) as caught:
        await start(port=server.port)

    (error,) = _leaves(caught.value)
    assert isinstance(error, StartupError)
    assert str(error) == (
        f"server.port: cannot listen on 127.0.0.1:{server.port}: it is in use; "
        "stop what listens there, or set server.port or --port to another"
    )


async def test_an_unavailable_address_is_a_start_up_problem(start: Any) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await start(host="192.0.2.1")

    (error,) = _leaves(caught.value)
    assert str(error).startswith("server.host: cannot listen on 192.0.2.1:0: ")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_ipv6(start: Any) -> None:
    server = await start(host="::1")

    assert server.url.startswith("http://[::1]:")
    assert (await server.say("ping")).status == 200


PROGRAM = """
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
import anyio
from smartops import Clock, command, hookimpl
from smartops.app import App, assemble
from smartops.config import Settings
from smartops.plugins import Plugins
from smartops.server import serve
import smartops_api

@command("hang on")
async def hang_on() -> str:
    "Wait until a file is there."
    print("started", flush=True)
    while not Path(sys.argv[2]).exists():
        await anyio.sleep(0.01)
    return "done"

module = ModuleType("program")
module.register_commands = hookimpl(lambda: [hang_on])
plugins = Plugins()
plugins.register("program", module)
plugins.register("api", smartops_api)
plugins.configs = dict.fromkeys(plugins.names)
settings = Settings.model_validate({
    "server": {"port": 0},
    "store": {"url": "sqlite:///" + sys.argv[1]},
    "auth": {"anonymous": True},
    "guests": [{"provider": "anonymous", "roles": ["operator"]}],
    "roles": {"operator": {}},
    "rules": [{"name": "all", "allow": {"roles": ["operator"]}}],
})
app = App(assemble(settings, plugins, Clock()))
run = partial(serve, app, ready=partial(print, flush=True))
anyio.run(run)
print("closed", flush=True)
"""


@pytest.mark.parametrize("again", [False, True])
async def test_the_first_signal_drains_and_a_later_one_stops_at_once(
    tmp_path: Path, again: bool
) -> None:
    files = [str(tmp_path / "s.db"), str(tmp_path / "go")]
    arguments = [sys.executable, "-c", PROGRAM, *files]
    answers = []
    async with await anyio.open_process(arguments, stderr=None) as process:
        assert process.stdout is not None
        output = BufferedByteReceiveStream(process.stdout)
        try:
            with anyio.fail_after(20):
                port = int((await output.receive_until(b"\n", 100)).rpartition(b":")[2])
                async with anyio.create_task_group() as group:
                    group.start_soon(_ask, port, answers)
                    assert await output.receive_until(b"\n", 100) == b"started"
                    for number in (
                        signal.SIGTERM,
                        signal.SIGINT,
                    ):  # both within ECHO_SECONDS: one request
                        process.send_signal(number)
                    await _closed(port)
                    if again:
                        await anyio.sleep(runner.ECHO_SECONDS)
                        process.send_signal(signal.SIGTERM)
                    else:
                        (tmp_path / "go").touch()
                assert await output.receive_until(b"\n", 100) == b"closed"
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()

    assert (b'"done"' in answers[0]) is not again


async def _ask(port: int, answers: list[bytes]) -> None:
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(
            b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 18\r\n\r\n"
            b'{"text":"hang on"}'
        )
        received = b""
        try:
            while True:
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            answers.append(received)


async def _closed(port: int) -> None:
    while _listens(port):
        await anyio.sleep(0.01)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
