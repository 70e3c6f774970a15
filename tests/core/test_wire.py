import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Action, PermissionDenied, RateLimited, Reply, ValidationFailed
from smartops.channels import dump_json, envelope, parse_json

AT = datetime(2024, 3, 20, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": 1} x', "column 10"),
        (b"[]", "must be an object"),
        (b'"text"', "must be an object"),
        (b'{"a": "\xff"}', "byte 8 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "byte 1 is not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "line 1, column 1"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": [-Infinity]}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a number is too long"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' appears twice"),
        (b'{"x": [{"a": 1, "\\u0061": 3}]}', "'a' appears twice"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\uDFFF": 1}', "half of a surrogate pair"),
        (b'{"a": "tab\there"}', "column 11"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "deeper than 32"),
        (b'{"a":' + b"[" * 100_000, "deeper than 32"),
        (b'{"a":' * 50_000, "deeper than 32"),
    ],
)
def test_invalid_bodies_are_refused_with_the_position(body, place):
    with pytest.raises(ValidationFailed) as caught:
        parse_json(body)

    assert place in str(caught.value.details)
    assert caught.value.message == "The body is not valid JSON."


def test_the_depth_ignores_brackets_in_strings():
    assert parse_json(b'{"a": "' + b"[{" * 500 + b'"}') == {"a": "[{" * 500}
    assert parse_json(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    assert parse_json(b'{"a": [[1]]}', max_depth=3) == {"a": [[1]]}
    with pytest.raises(ValidationFailed, match="not valid JSON"):
        parse_json(b'{"a": [[1]]}', max_depth=2)


def test_many_siblings_do_not_exceed_the_depth():
    assert len(parse_json(b'{"a": [' + b"[]," * 1000 + b"[]]}")["a"]) == 1001


def test_surrogate_pairs_are_accepted():
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), values, max_size=5), st.booleans())
def test_the_standard_library_s_json_is_parsed_to_the_same_value(document, ascii_only):
    body = json.dumps(document, ensure_ascii=ascii_only).encode()

    assert parse_json(body, max_depth=100) == document
    assert parse_json(dump_json(document), max_depth=100) == document


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_parsed_or_refused(body):
    try:
        document = parse_json(body)
    except ValidationFailed:
        return
    assert document == json.loads(body)


@dataclass(frozen=True)
class Point:
    x: int


def test_dump_json_accepts_the_types_of_replies():
    document = {
        "at": datetime(2024, 3, 20, 12, 30, tzinfo=timezone(timedelta(hours=2))),
        "day": date(2024, 3, 20),
        "long": timedelta(seconds=90),
        "point": Point(3),
        "tags": MappingProxyType({"b": 1}),
        "names": frozenset({"b", "a"}),
        "mark": "● \ud800",
    }

    assert json.loads(dump_json(document)) == {
        "at": "2024-03-20T10:30:00Z",
        "day": "2024-03-20",
        "long": 90.0,
        "point": {"x": 3},
        "tags": {"b": 1},
        "names": ["a", "b"],
        "mark": "● ?",
    }


@pytest.mark.parametrize("value", [object(), Point, float("nan"), float("inf")])
def test_dump_json_refuses_other_types(value):
    with pytest.raises((TypeError, ValueError)):
        dump_json({"a": value})


def test_envelope_of_success():
    reply = Reply.of("Two instances.", data={"instances": [1, 2], "message": "mine", "actions": 7})

    assert envelope(reply, AT) == {
        "status": "success",
        "data": {
            "message": "Two instances.",
            "attachments": [],
            "actions": [],
            "instances": [1, 2],
        },
        "timestamp": "2024-03-20T10:30:00Z",
        "request_id": "",
    }


def test_envelope_of_pending():
    reply = Reply(
        status="pending",
        view=Reply.of("Confirmation required").view,
        actions=(
            Action("confirm", "Yes, proceed", "confirm_action_123"),
            Action("cancel", "Cancel", "cancel_action_123"),
        ),
        request_id="abc-123-def",
    )

    assert envelope(reply, AT) == {
        "status": "pending",
        "data": {
            "message": "Confirmation required",
            "attachments": [],
            "actions": [
                {"type": "confirm", "label": "Yes, proceed", "action": "confirm_action_123"},
                {"type": "cancel", "label": "Cancel", "action": "cancel_action_123"},
            ],
        },
        "timestamp": "2024-03-20T10:30:00Z",
        "request_id": "abc-123-def",
    }


def test_envelope_of_errors_has_only_the_members_that_are_set():
    limited = RateLimited(
        "Too many requests", details="Rate limit: 10 requests per minute", retry_after=60
    )

    assert envelope(Reply.refused(limited), AT)["error"] == {
        "code": "RATE_LIMITED",
        "message": "Too many requests",
        "details": "Rate limit: 10 requests per minute",
        "retry_after": 60,
    }
    assert envelope(Reply.refused(PermissionDenied("No.")), AT) == {
        "status": "error",
        "error": {"code": "PERMISSION_DENIED", "message": "No."},
        "timestamp": "2024-03-20T10:30:00Z",
        "request_id": "",
    }
