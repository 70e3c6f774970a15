"""Log lines and metrics.

All log lines go to one stream in one format, whether they come from SmartOps, from
a plugin through the standard library, or from a dependency. Lines about requests
and commands contain identities, names and codes, and never texts, arguments,
tokens or bodies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

from .render import clean
from .version import __version__

_ENCODE = json.JSONEncoder(separators=(",", ":"), default=str).encode

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request in progress; added to log lines without a ``request_id``."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHATTY = ("aiohttp", "alembic", "asyncio", "hypercorn", "sqlalchemy", "uvicorn")
"""Dependencies whose debug and info lines are noise, or contain what ours must not."""

_Event = MutableMapping[str, Any]


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
) -> None:
    """Send the process's log lines to ``stream``, by default standard error.

    If this is not called, only warnings and errors of the standard library's
    logging appear, and no lines about requests and commands.
    """
    stream = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    render = _ENCODE if format == "json" else _Console(colors=stream.isatty())
    sink = Telemetry.sink = _Sink(stream, threshold, render)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _stamped,
            sink.render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream, sink)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


class _Sink:
    """The stream of log lines. If it is closed, lines are lost, and no exception is raised."""

    def __init__(self, stream: TextIO, threshold: int, render: Callable[[_Event], str]) -> None:
        self.threshold = threshold
        self._stream = stream
        self._render = render
        self._waiting: deque[str] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop that will call flush

    def write(self, event: _Event) -> None:
        """Write a line, batched with the others of this iteration of the event loop.

        Each write to the stream releases the GIL, which costs several times as
        much as the line.
        """
        self._waiting.append(self._render(event))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            if self._loop is not loop:
                self._loop = loop
                loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the batched lines."""
        self._loop = None
        lines = []
        while self._waiting:
            lines.append(self._waiting.popleft())
        if lines:
            self._out("\n".join(lines))

    def render(self, _logger: Any, _method: str, event: _Event) -> str:
        return self._render(event)

    def msg(self, line: str) -> None:
        self.flush()
        self._out(line)

    debug = info = warning = error = critical = exception = msg

    def _out(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text + "\n")
            self._stream.flush()


class _Handler(logging.StreamHandler[TextIO]):
    """Writes the standard library's records after the batched lines, to preserve the order."""

    def __init__(self, stream: TextIO, sink: _Sink) -> None:
        super().__init__(stream)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink.flush()
        super().emit(record)


class _Formatter(logging.Formatter):
    """Formats the standard library's records like SmartOps's own lines."""

    _USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def __init__(self, render: Callable[[_Event], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        event |= {name: value for name, value in vars(record).items() if name not in self._USUAL}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._render(_stamped(None, "", event))


class _Now:
    """The current time as text. The part down to the seconds is cached."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def __call__(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, UTC).isoformat()[:19]
            self._second = second
        return f"{self._text}.{int((now - second) * 1000):03d}Z"


_now = _Now()


def _stamped(_logger: Any, _method: str, event: _Event) -> _Event:
    stamped = {
        "timestamp": _now(),
        "level": event.pop("level"),
        "event": event.pop("event"),
        **event,
    }
    if "request_id" not in event and (current := REQUEST_ID.get()):
        stamped["request_id"] = current
    return stamped


class _Console:
    """Log lines for people.

    Untrusted values are escaped: they cannot forge lines or control the terminal.
    """

    _COLORS: ClassVar = {"debug": "2", "info": "32", "warning": "33", "error": "31"}

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def __call__(self, event: _Event) -> str:
        level = f"{event.pop('level'):8}"
        if self._colors:
            level = f"\x1b[{self._COLORS.get(level.strip(), '31')}m{level}\x1b[0m"
        trace = event.pop("exception", "")
        words = [event.pop("timestamp"), level, _word(event.pop("event"), "")]
        words += [f"{name}={_word(value)}" for name, value in event.items() if value != ""]
        return "\n".join([" ".join(words), clean(trace)] if trace else [" ".join(words)])


def _word(value: object, unwanted: str = " ") -> str:
    text = str(value)
    plain = text.isprintable() and text and not (unwanted and unwanted in text)
    return text if plain else repr(text)


class _Outcome(Protocol):
    """The fields of a finished command that are logged; the store's record has them."""

    @property
    def request_id(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def claimed(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def command(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class Telemetry:
    """The log lines and metrics of one app, with a registry of its own.

    The two lines for each message bypass structlog's processors, which would double
    their cost; their format is the same.
    """

    sink: ClassVar[_Sink | None] = None

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Gauge("smartops_build", "Constant 1.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self._requests = Timing(self.registry, "request", "HTTP requests", "channel", "status")
        self._commands = Timing(self.registry, "command", "Commands", "command", "outcome")

    def request(
        self,
        *,
        request_id: str,
        method: str,
        path: str,
        peer: str,
        channel: str,
        status: int,
        seconds: float,
        reason: str = "",
        quiet: bool = False,
    ) -> None:
        """Count and log one HTTP request; ``quiet`` ones are logged at debug level.

        ``reason`` is why it was refused: for the log, never for the caller.
        """
        self._requests.observe(channel, str(status), seconds)
        sink = self.sink
        if sink is None or sink.threshold > (logging.DEBUG if quiet else logging.INFO):
            return
        line: dict[str, Any] = {
            "timestamp": _now(),
            "level": "debug" if quiet else "info",
            "event": "request",
            "request_id": request_id,
            "method": method,
            "path": path,
            "peer": peer,
            "channel": channel,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        if reason:
            line["reason"] = reason
        sink.write(line)

    def command(self, outcome: _Outcome) -> None:
        """Count and log one command, or a message without one."""
        command = outcome.command or "(none)"
        self._commands.observe(command, outcome.outcome, outcome.seconds)
        sink = self.sink
        if sink is None or sink.threshold > logging.INFO:
            return
        line: dict[str, Any] = {
            "timestamp": _now(),
            "level": "info",
            "event": "command",
            "request_id": outcome.request_id,
            "command": command,
            "person": outcome.person,
            "identity": outcome.identity,
            "place": outcome.place,
            "outcome": outcome.outcome,
            "rule": outcome.rule,
            "ms": round(outcome.seconds * 1000, 1),
        }
        if outcome.claimed:
            line["claimed"] = outcome.claimed
        sink.write(line)

    def expose(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class Timing:
    """A counter and a histogram of durations, by subject and result."""

    def __init__(self, registry: CollectorRegistry, noun: str, help: str, *labels: str) -> None:
        what, result = labels
        self._count = Counter(f"smartops_{noun}s", f"{help}.", [what, result], registry=registry)
        self._seconds = Histogram(
            f"smartops_{noun}_seconds",
            f"{help}: how long they took.",
            [what],
            registry=registry,
            buckets=_BUCKETS,
        )
        self._children: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def observe(self, what: str, result: str, seconds: float) -> None:
        """Record one. Both labels must have few values: each pair is a time series forever."""
        found = self._children.get((what, result))
        if found is None:
            found = (self._count.labels(what, result), self._seconds.labels(what))
            self._children[what, result] = found
        found[0].inc()
        found[1].observe(seconds)
