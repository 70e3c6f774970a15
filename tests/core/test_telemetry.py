import io
import json
import logging

import pytest
import structlog

from smartops.store import AuditEvent
from smartops.telemetry import REQUEST_ID, Telemetry, configure


@pytest.fixture
def lines():
    """Return a function that configures logging and returns the stream the lines go to."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def configured(level="info", *, form="json", stream=None):
        stream = stream or io.StringIO()
        configure(level, form, stream)
        return stream

    yield configured
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def request(telemetry, **changes):
    telemetry.request(
        **{
            "request_id": "abc-123",
            "method": "POST",
            "path": "/api/messages",
            "peer": "127.0.0.1",
            "channel": "api",
            "status": 200,
            "seconds": 0.0123,
        }
        | changes
    )


def outcome(**changes):
    return AuditEvent(
        **{
            "at": 0.0,
            "request_id": "abc-123",
            "person": "alice",
            "identity": "local:alice",
            "claimed": "",
            "place": "api",
            "command": "list instances",
            "rule": "everyone-reads",
            "outcome": "success",
            "seconds": 0.25,
        }
        | changes
    )


def test_a_request_is_one_line_of_json(lines):
    stream = lines()

    request(Telemetry())

    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": "abc-123",
        "method": "POST",
        "path": "/api/messages",
        "peer": "127.0.0.1",
        "channel": "api",
        "status": 200,
        "ms": 12.3,
    }


def test_quiet_requests_only_appear_at_debug_level(lines):
    stream = lines("info")
    request(Telemetry(), quiet=True)
    assert stream.getvalue() == ""

    stream = lines("debug")
    request(Telemetry(), quiet=True)
    assert json.loads(stream.getvalue())["level"] == "debug"


def test_a_command_is_one_line(lines):
    stream = lines()

    Telemetry().command(outcome(claimed="bob"))

    line = json.loads(stream.getvalue())
    assert (line["event"], line["person"], line["claimed"]) == ("command", "alice", "bob")
    assert (line["command"], line["outcome"], line["ms"]) == ("list instances", "success", 250.0)


def test_the_standard_library_logs_in_the_same_form(lines):
    stream = lines()

    logging.getLogger("smartops.gate").warning("failed: %s", "x", extra={"request_id": "r-1"})

    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"], line["request_id"]) == (
        "failed: x",
        "warning",
        "smartops.gate",
        "r-1",
    )


def test_lines_without_a_request_id_get_the_current_one(lines):
    stream = lines()
    token = REQUEST_ID.set("current-1")

    logging.getLogger("x").warning("from the standard library")
    structlog.get_logger().warning("from structlog")
    logging.getLogger("x").warning("named", extra={"request_id": "own-1"})
    REQUEST_ID.reset(token)
    logging.getLogger("x").warning("outside")

    ids = [json.loads(line).get("request_id") for line in stream.getvalue().splitlines()]
    assert ids == ["current-1", "current-1", "own-1", None]


@pytest.mark.parametrize("form", ["json", "console"])
def test_untrusted_values_cannot_forge_lines_or_control_the_terminal(lines, form):
    stream = lines(form=form)
    nasty = "x\n2026-01-01 info request\x1b[2J\u202e"

    request(Telemetry(), peer=nasty, request_id=nasty)
    logging.getLogger("x").warning(nasty)

    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert all(letter == "\n" or letter.isprintable() for letter in text)


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_are_logged_without_control_characters(lines, form):
    stream = lines(form=form)
    try:
        raise RuntimeError("bad\x1b[2J")
    except RuntimeError:
        logging.getLogger("x").exception("message failed")

    text = stream.getvalue()
    assert "RuntimeError: bad" in text
    assert "\x1b" not in text


def test_console_lines_read_from_left_to_right(lines):
    stream = lines(form="console")

    request(Telemetry(), channel="")

    _, _, rest = stream.getvalue().partition(" ")
    assert rest == (
        "info     request request_id=abc-123 method=POST path=/api/messages "
        "peer=127.0.0.1 status=200 ms=12.3\n"
    )


def test_console_colours_only_terminals(lines):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = lines(form="console", stream=Terminal())
    logging.getLogger("x").error("red")

    assert "\x1b[31merror   \x1b[0m red" in stream.getvalue()


def test_a_closed_stream_loses_only_lines(lines):
    stream = lines()
    telemetry = Telemetry()
    stream.close()

    request(telemetry)
    telemetry.command(outcome())

    assert b'smartops_requests_total{channel="api",status="200"} 1.0' in telemetry.expose()


def test_nothing_is_logged_before_configuration(capsys):
    request(Telemetry())

    assert capsys.readouterr() == ("", "")


def test_metrics_count_requests_and_commands_with_durations():
    telemetry = Telemetry()
    for status in (200, 200, 401):
        request(telemetry, status=status)
    telemetry.command(outcome())
    telemetry.command(outcome(command="", outcome="VALIDATION_ERROR"))

    text = telemetry.expose().decode()

    for line in (
        'smartops_requests_total{channel="api",status="200"} 2.0',
        'smartops_requests_total{channel="api",status="401"} 1.0',
        'smartops_request_seconds_count{channel="api"} 3.0',
        'smartops_request_seconds_bucket{channel="api",le="0.025"} 3.0',
        'smartops_commands_total{command="list instances",outcome="success"} 1.0',
        'smartops_commands_total{command="(none)",outcome="VALIDATION_ERROR"} 1.0',
        'smartops_command_seconds_sum{command="list instances"} 0.25',
        "process_resident_memory_bytes",
        'smartops_build{version="',
    ):
        assert line in text


def test_each_app_has_its_own_registry():
    one, two = Telemetry(), Telemetry()
    request(one)

    assert b"smartops_requests_total{" not in two.expose()
