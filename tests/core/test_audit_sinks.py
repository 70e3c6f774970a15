"""Copies of the audit log in other places: the reader, syslog and the HTTP collector."""

from __future__ import annotations

import datetime
import json
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from types import ModuleType

import anyio
import anyio.abc
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smartops import hookimpl
from smartops.app import App, compose
from smartops.app.collector import Collector
from smartops.app.sinks import BATCH, SETTLE, SinkReader
from smartops.app.syslog import Syslog
from smartops.auth import AuditKey
from smartops.config.settings import CollectorSettings, SyslogSettings
from smartops.errors import BackendUnavailable, StartupError
from smartops.guards import AuditBatch, AuditSink
from smartops.http import AiohttpClient
from smartops.store import AuditEvent, Store, split_notes, verify_audit_log
from smartops.testing import Bot, ManualClock
from smartops.values import Secret

pytestmark = pytest.mark.anyio


class Memory(AuditSink):
    """A sink that stores batches in memory, and fails on demand."""

    name = "memory"

    def __init__(self) -> None:
        self.batches: list[AuditBatch] = []
        self.failure: Exception | None = None

    async def send(self, batch: AuditBatch) -> None:
        if self.failure:
            raise self.failure
        self.batches.append(batch)

    @property
    def texts(self) -> list[str]:
        return [event["text"] for batch in self.batches for event in batch.events]


class Replica:
    """A store and the reader of a sink."""

    def __init__(self, store: Store, sink: AuditSink, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.behind = 0
        self.reader = SinkReader(sink, store, clock, self._measure)

    def _measure(self, sink: str, behind: int) -> None:
        self.behind = behind

    async def add(self, *texts: str) -> None:
        for text in texts:
            self.store.add_audit_event(AuditEvent.of("finished", self.clock.time(), text))
        await self.store.flush()

    async def read(self) -> None:
        """Let the reader read all that is settled."""
        await self.reader.once()
        self.clock.advance(SETTLE)
        while await self.reader.once():
            pass


@pytest.fixture
async def start(clock: ManualClock, tmp_path: Path) -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def start(sink: AuditSink) -> Replica:
            url, key = f"sqlite:///{tmp_path / 'audit.db'}", AuditKey(tmp_path / "audit.pem")
            store = await Store.open(url, clock, signer=key)
            stack.push_async_callback(store.aclose)
            return Replica(store, sink, clock)

        yield start


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_sink_gets_all_events_in_order_and_the_checkpoints(start, tmp_path: Path) -> None:
    sink = Memory()
    replica = await start(sink)
    texts = [f"event {number}" for number in range(BATCH + 50)]
    await replica.add(*texts)
    await replica.store.checkpoint()
    await replica.read()
    assert sink.texts == texts
    assert [len(batch.events) for batch in sink.batches] == [BATCH, 50]
    first = sink.batches[0].events[0]
    assert (first["seq"], len(first["hash"]), first["chain"][:2]) == (1, 64, "1-")
    (note,) = (note for batch in sink.batches for note in batch.checkpoints)
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    assert verify_audit_log(url, None, [note]).findings == []
    assert split_notes(f"<109>1 - {json.dumps({'checkpoint': note})}\n") == [note]
    await replica.add("later")
    await replica.read()
    assert sink.texts[-2:] == ["event 249", "later"]


async def test_an_event_is_sent_when_those_with_lower_ids_are_committed(start) -> None:
    """Replicas get ids before they commit, so an event may be committed after a later one."""
    sink = Memory()
    replica = await start(sink)
    await replica.add("one")
    await replica.reader.once()
    replica.clock.advance(SETTLE / 2)
    await replica.reader.once()
    assert (sink.texts, replica.behind) == ([], 1)
    await replica.read()
    assert (sink.texts, replica.behind) == (["one"], 0)


async def test_reading_continues_after_a_crash_and_repeats_what_was_not_stored(
    start, monkeypatch
) -> None:
    sink = Memory()
    replica = await start(sink)
    await replica.add("one")
    await replica.read()
    await replica.add("two")

    async def killed(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(replica.store, "advance_sink", killed)
    with pytest.raises(ConnectionResetError):
        await replica.read()
    replica.clock.advance(100)  # its lease ends
    other = await start(sink)
    await other.read()
    assert sink.texts == ["one", "two", "two"]


async def test_hook_register_audit_sinks(bot: Bot) -> None:
    sink = Memory()
    plugin = ModuleType("sinks")
    plugin.register_audit_sinks = hookimpl(lambda: [sink])  # type: ignore[attr-defined]
    bot.load(plugin)
    app = await bot.app()
    await bot.say("help")
    async with app.serving():
        with anyio.fail_after(20):
            while "help" not in sink.texts:
                bot.clock.advance(2)
                await anyio.sleep(0.01)


async def test_one_replica_at_a_time_reads_for_a_sink(start) -> None:
    first, second = Memory(), Memory()
    one, other = await start(first), await start(second)
    await one.add("one")
    await one.read()
    await other.add("two")
    await other.read()
    assert (first.texts, second.texts) == (["one"], [])
    assert other.behind == 1
    await one.store.yield_sinks()  # it is stopped
    await other.read()
    assert second.texts == ["two"]


async def test_a_sink_that_is_away_is_tried_again_ever_more_rarely(start) -> None:
    sink = Memory()
    replica = await start(sink)
    sink.failure = BackendUnavailable("the collector answered 503")
    await replica.add("one", "two")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(replica.reader.forever)
        waits = []
        for _ in range(16):
            while not replica.clock.sleepers:
                await anyio.sleep(0.001)
            before = replica.clock.time()
            replica.clock.advance(replica.clock._due[0][0] - before)
            waits.append(replica.clock.time() - before)
        assert waits[-1] == 300
        assert sorted(waits) == waits
        assert replica.reader.problem == "the collector answered 503; 2 audit events wait"
        sink.failure = None
        replica.clock.advance(600)
        with anyio.fail_after(5):
            while not sink.texts:
                await anyio.sleep(0.001)
                replica.clock.advance(1)
        tasks.cancel_scope.cancel()
    assert sink.texts == ["one", "two"]
    assert replica.reader.problem == ""


async def test_a_position_that_others_moved_forward_skips_nothing(start, tmp_path: Path) -> None:
    sink = Memory()
    replica = await start(sink)
    await replica.add("one")
    await replica.read()
    await replica.add("two")
    with closing(sqlite3.connect(tmp_path / "audit.db")) as database, database:
        database.execute("UPDATE audit_sinks SET event = 2")
    await replica.read()
    assert sink.texts[:3] == ["one", "one", "two"]
    await replica.read()
    assert sink.texts[-1].startswith("a row of audit_sinks that SmartOps did not write")


async def test_reading_begins_again_when_sqlite_does(start) -> None:
    """SQLite gives low ids again when retention has removed all events."""
    sink = Memory()
    replica = await start(sink)
    await replica.add("one", "two", "three")
    await replica.read()
    replica.clock.advance(91 * 86_400)
    await replica.store.sweep(replica.clock.time())
    await replica.add("four")
    await replica.read()
    assert sink.texts[-1] == "four"


def _event(**more: object) -> dict[str, object]:
    event = {"kind": "denied", "at": "2027-01-15T08:00:00Z", "text": 'stop "wéb"\n', "targets": []}
    return event | more


BATCHED = AuditBatch([_event(), _event(kind="finished")], ["smartops-audit-checkpoint/1\n"])


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "syslog")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


def _check(messages: list[bytes]) -> None:
    head, _, text = messages[0].partition(b" - denied - ")
    assert head == f"<108>1 2027-01-15T08:00:00Z {socket.gethostname()} smartops".encode()
    assert json.loads(text)["text"] == 'stop "wéb"\n'
    assert messages[1].startswith(b"<109>1 ")
    assert b" smartops - checkpoint - {" in messages[2]
    assert all(message.isascii() and b"\n" not in message for message in messages)


def _frames(stream: bytes) -> list[bytes]:
    messages = []
    while stream:
        length, _, rest = stream.partition(b" ")
        messages.append(rest[: int(length)])
        stream = rest[int(length) :]
    return messages


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
async def test_syslog_over_a_stream(scheme: str, tmp_path: Path, clock: ManualClock) -> None:
    cert, key = _certificate(tmp_path)
    context = None
    if scheme == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
    received: list[bytes] = []

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            received.extend([piece async for piece in stream])

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    serving = anyio.streams.tls.TLSListener(listener, context) if context else listener
    settings = SyslogSettings(address=f"{scheme}://localhost:{port}", ca=cert)
    async with serving, anyio.create_task_group() as tasks:
        tasks.start_soon(serving.serve, serve)
        await Syslog(settings, clock).send(BATCHED)
        with anyio.fail_after(5):
            while b"checkpoint" not in b"".join(received):
                await anyio.sleep(0.01)
        if scheme == "tls":
            with pytest.raises(BackendUnavailable):  # the system does not trust it
                await Syslog(settings.model_copy(update={"ca": None}), clock).send(BATCHED)
        tasks.cancel_scope.cancel()
    _check(_frames(b"".join(received)))


def test_a_missing_file_of_certificates_is_a_problem_at_start(clock: ManualClock) -> None:
    settings = SyslogSettings(address="tls://localhost:6514", ca=Path("missing.pem"))
    with pytest.raises(StartupError, match=r"audit\.syslog\.ca"):
        Syslog(settings, clock)


async def test_syslog_that_is_not_there_is_unavailable(clock: ManualClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = SyslogSettings(address=f"tcp://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(BackendUnavailable):
            await Syslog(settings, clock).send(BATCHED)


@pytest.mark.parametrize("scheme", ["udp", "unix"])
async def test_syslog_in_datagrams(scheme: str, tmp_path: Path, clock: ManualClock) -> None:
    kind = socket.AF_UNIX if scheme == "unix" else socket.AF_INET
    path = str(tmp_path / "log")
    with socket.socket(kind, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path if scheme == "unix" else ("127.0.0.1", 0))
        receiver.settimeout(5)
        place = path if scheme == "unix" else f"127.0.0.1:{receiver.getsockname()[1]}"
        syslog = Syslog(SyslogSettings(address=f"{scheme}://{place}"), clock)
        await syslog.send(BATCHED)
        _check([receiver.recv(65_535) for _ in range(3)])
        await syslog.send(AuditBatch([_event(text="x" * 70_000, id=7)], []))
        short = json.loads(receiver.recv(65_535).partition(b" - denied - ")[2])
        assert (short["truncated"], short["id"]) == (True, 7)


@pytest.mark.parametrize("address", ["host:514", "tls://host", "http://host:1", "unix://log"])
def test_a_wrong_address_of_syslog_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        SyslogSettings(address=address)


class Receiver:
    """A collector that answers with ``status``."""

    def __init__(self) -> None:
        self.status = 204
        self.received: list[tuple[str | None, dict]] = []

    async def collect(self, request: web.Request) -> web.Response:
        self.received.append((request.headers.get("Authorization"), await request.json()))
        return web.Response(status=self.status)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/audit", self.collect)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/audit"
        await runner.cleanup()


async def test_the_collector_gets_batches_with_the_token() -> None:
    receiver, http = Receiver(), AiohttpClient()
    async with receiver.running() as url:
        collector = Collector(CollectorSettings(url=url, token=Secret("t0ken")), http)
        receiver.status = 503
        with pytest.raises(BackendUnavailable, match="503"):
            await collector.send(BATCHED)
        receiver.status = 204
        await collector.send(BATCHED)
        await http.aclose()
    token, content = receiver.received[1]
    assert token == "Bearer t0ken"
    assert content["events"] == list(BATCHED.events)
    assert split_notes(content["checkpoints"][0]) == ["smartops-audit-checkpoint/1\n"]


async def test_a_server_copies_its_audit_log_and_says_how_far_behind_a_sink_is(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t0ken")
    receiver = Receiver()
    receiver.status = 503
    async with receiver.running() as url:
        config = tmp_path / "smartops.yaml"
        config.write_text(
            "store: {url: 'sqlite:///audit.db'}\n"
            f"audit: {{key: audit.pem, http: {{url: '{url}', token: '${{TOKEN}}'}}}}\n"
        )
        async with App(compose(config, clock=clock)) as app, app.serving():

            async def checked() -> str:
                clock.advance(2)
                await anyio.sleep(0.01)
                found = {item.name: item.text for item in await app.readiness() if not item.ok}
                return found.get("audit sink http", "")

            with anyio.fail_after(20):
                while await checked() != "the collector answered 503; 1 audit events wait":
                    pass
                assert b'smartops_audit_sink_behind{sink="http"} 1.0' in app.telemetry.expose()
                receiver.status = 204
                while await checked():
                    pass
    token, content = receiver.received[-1]
    assert token == "Bearer t0ken"
    assert content["events"][0]["kind"] == "configuration"
