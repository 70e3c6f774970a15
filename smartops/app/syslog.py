"""The audit log to syslog: RFC 5424, over TLS, TCP (RFC 6587, octet counting), UDP or a socket."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from smartops.config.settings import SyslogSettings
from smartops.errors import BackendUnavailable, Problem, StartupError
from smartops.services import Clock
from smartops.sink import AuditBatch, AuditSink

FACILITY = 13
"""Log audit."""
NOTICE, WARNING = 5, 4
_SUSPECT = ("forged", "unauthenticated", "denied")
_DATAGRAM = 60_000
"""The maximum size of a message in a datagram, in bytes; longer ones are without their text."""
_CLOSING = 2.0
"""For how many seconds the end of the connection is awaited."""


class Syslog(AuditSink):
    """Sends each event and checkpoint as a message whose text is JSON in ASCII.

    Syslog has no receipt: over TLS and TCP a batch counts as delivered if the receiver took
    all of it and did not reset the connection, over UDP when it is sent.
    """

    name = "syslog"

    def __init__(self, settings: SyslogSettings, clock: Clock) -> None:
        self._address = urlsplit(settings.address)
        self._clock = clock
        self._tls = None
        if self._address.scheme == "tls":
            self._tls = _trusting(settings.ca)

    async def send(self, batch: AuditBatch) -> None:
        """Send the batch."""
        messages = list(self._messages(batch))
        try:
            if self._address.scheme in ("tcp", "tls"):
                await self._stream(messages)
            else:
                await self._datagrams(messages)
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise BackendUnavailable(f"syslog cannot be reached: {error}") from error

    async def _stream(self, messages: list[bytes]) -> None:
        host, port = self._address.hostname or "", self._address.port or 0
        stream: ByteStream
        if self._tls:
            stream = await anyio.connect_tcp(host, port, ssl_context=self._tls)
        else:
            stream = await anyio.connect_tcp(host, port)
        async with stream:
            await stream.send(b"".join(b"%d %b" % (len(item), item) for item in messages))
            if self._tls is None:
                await stream.send_eof()
                with anyio.move_on_after(_CLOSING):
                    await _end(stream)

    async def _datagrams(self, messages: list[bytes]) -> None:
        if self._address.scheme == "unix":
            async with await anyio.create_connected_unix_datagram_socket(self._address.path) as own:
                for message in messages:
                    await own.send(message)
            return
        host, port = self._address.hostname or "", self._address.port or 0
        async with await anyio.create_connected_udp_socket(host, port) as udp:
            for message in messages:
                await udp.send(message)

    def _messages(self, batch: AuditBatch) -> Iterator[bytes]:
        for event in batch.events:
            severity = WARNING if event["kind"] in _SUSPECT else NOTICE
            message = self._message(severity, event["kind"], event["at"], event)
            if len(message) > _DATAGRAM and self._address.scheme in ("udp", "unix"):
                short = {**event, "text": "", "targets": [], "truncated": True}
                message = self._message(severity, event["kind"], event["at"], short)
            yield message
        for note in batch.checkpoints:
            now = datetime.fromtimestamp(self._clock.time(), UTC).isoformat(timespec="seconds")
            yield self._message(NOTICE, "checkpoint", now, {"checkpoint": note})

    def _message(self, severity: int, kind: str, at: str, content: Mapping[str, Any]) -> bytes:
        host = socket.gethostname()
        head = f"<{FACILITY * 8 + severity}>1 {at} {host} smartops - {kind or 'event'} - "
        return (head + json.dumps(content)).encode("ascii")


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # also what is no certificate
        problem = Problem(f"cannot be used: {error.strerror}", str(ca), "audit.syslog.ca")
        raise StartupError(problem) from error


async def _end(stream: ByteStream) -> None:
    """Wait until the receiver has closed the connection."""
    try:
        while True:
            await stream.receive()
    except anyio.EndOfStream:
        pass
