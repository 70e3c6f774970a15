"""Log lines and metrics.

All log lines go to one stream in one format, whether they come from SmartOps, from
a plugin through the standard library, or from a dependency. Lines about requests
and commands contain identities, names and codes, and never texts, arguments,
tokens or bodies.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from structlog.typing import EventDict, Processor

from .masking import Masker
from .render import clean
from .store import AuditEvent
from .version import __version__

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request in progress; added to log lines without a ``request_id``."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHATTY = ("aiohttp", "alembic", "asyncio", "hypercorn", "sqlalchemy", "uvicorn")
"""Dependencies whose debug and info lines are noise, or contain what ours must not."""


Level = Literal["debug", "info", "warning", "error"]


def configure(
    level: Level = "info",
    format: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
    masker: Masker | None = None,
) -> None:
    """Send the process's log lines to ``stream``, standard error by default.

    Secrets in them are masked by ``masker``, by default only well-known credentials.

    Without it only warnings and errors of the standard library's logging
    appear, and no line for a request or a command.
    """
    stream = stream or sys.stderr
    mask = (masker or Masker()).text
    threshold = logging.getLevelNamesMapping()[level.upper()]
    chain: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_request_id,
    ]
    as_json = structlog.processors.JSONRenderer(default=str)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            *chain,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            as_json if format == "json" else _Console(colors=stream.isatty()),
            lambda _logger, _method, line: mask(line),  # type: ignore[arg-type]  # a text by now
        ],
    )
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _add_request_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if current := REQUEST_ID.get():
        event.setdefault("request_id", current)
    return event


class _Console:
    """Log lines for people.

    Untrusted values are escaped: they cannot forge lines or control the terminal.
    """

    _COLORS: ClassVar = {"debug": "2", "info": "32", "warning": "33", "error": "31"}

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> str:
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


class Telemetry:
    """The log lines and metrics of one app, with a registry of its own.

    Nothing is logged if :func:`configure` was not called before.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._log = structlog.get_logger("smartops").bind() if structlog.is_configured() else None
        ProcessCollector(registry=self.registry)
        build = Gauge("smartops_build", "Constant 1.", ["version"], registry=self.registry)
        build.labels(__version__).set(1)
        self._requests = Timing(self.registry, "request", "HTTP requests", "channel", "status")
        self._commands = Timing(self.registry, "command", "Commands", "command", "outcome")
        self._blocked = Counter(
            "smartops_loop_blocked",
            "How often a command blocked the event loop.",
            ["command"],
            registry=self.registry,
        )
        self._observed = Counter(
            "smartops_observer_events",
            "Decisions for observers of plugins: delivered, failed or lost.",
            ["plugin", "result"],
            registry=self.registry,
        )

        self._behind = Gauge(
            "smartops_audit_sink_behind",
            "How many audit events a sink has still to get.",
            ["sink"],
            registry=self.registry,
        )

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
        caller_request_id: str = "",
        quiet: bool = False,
    ) -> None:
        """Count and log one HTTP request; ``quiet`` ones are logged at debug level.

        ``reason`` is why it was refused: for the log, never for the caller.
        """
        self._requests.observe(channel, str(status), seconds)
        fields: dict[str, Any] = {
            "request_id": request_id,
            "method": method,
            "path": path,
            "peer": peer,
            "channel": channel,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        fields |= {
            name: text
            for name, text in (("caller_request_id", caller_request_id), ("reason", reason))
            if text
        }
        if self._log:
            self._log.log(logging.DEBUG if quiet else logging.INFO, "request", **fields)

    def command(self, event: AuditEvent) -> None:
        """Count and log one command, or a message without one."""
        command = event.command or "(none)"
        self._commands.observe(command, event.outcome, event.seconds)
        names = ("request_id", "person", "identity", "place", "outcome", "rule", "claimed")
        fields = {name: getattr(event, name) for name in names}
        if not event.claimed:
            del fields["claimed"]
        if self._log:
            self._log.info("command", command=command, **fields, ms=round(event.seconds * 1000, 1))

    def blocked(self, command: str) -> None:
        """Count that a command, or other code, blocked the event loop."""
        self._blocked.labels(command or "(none)").inc()

    def observer(self, plugin: str, result: str) -> None:
        """Count a decision for the observers of a plugin."""
        self._observed.labels(plugin, result).inc()

    def behind(self, sink: str, events: int) -> None:
        """Set how many audit events a sink has still to get."""
        self._behind.labels(sink).set(events)

    def expose(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class Timing:
    """A counter and a histogram of durations, by subject and result.

    Both labels must have few values: each pair is a time series.
    """

    def __init__(self, registry: CollectorRegistry, noun: str, help: str, *labels: str) -> None:
        self._count = Counter(f"smartops_{noun}s", f"{help}.", labels, registry=registry)
        self._seconds = Histogram(
            f"smartops_{noun}_seconds",
            f"{help}: how long they took.",
            labels[:1],
            registry=registry,
            buckets=_BUCKETS,
        )

    def observe(self, subject: str, result: str, seconds: float) -> None:
        """Count one that took so many seconds."""
        self._count.labels(subject, result).inc()
        self._seconds.labels(subject).observe(seconds)
