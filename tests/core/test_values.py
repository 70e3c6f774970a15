"""Durations, sizes and their text."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from smartops import ByteSize, Duration
from smartops.values import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("90d", 90 * 86400),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (" 10S ", 10),
        ("0s", 0),
    ],
)
def test_durations_are_parsed(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "5 m", "m5", "5w", "1e9s", "-5s", "5m!", "٣s", "1h 30m", "5mm"]
)
def test_invalid_durations_are_refused(text):
    with pytest.raises(ValueError, match="must be a duration, such as 30s, 5m, 1h30m or 90d"):
        parse_duration(text)


def test_a_number_without_a_unit_is_refused():
    with pytest.raises(ValueError, match="a duration needs a unit"):
        parse_duration("30")


def test_durations_have_a_maximum():
    assert parse_duration("36500d") == timedelta(days=36500)
    with pytest.raises(ValueError, match="too long"):
        parse_duration("999999999d")


@given(st.integers(min_value=0, max_value=36500 * 86_400_000))
def test_formatted_durations_parse_to_the_same_value(milliseconds):
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("1B", 1), ("2KiB", 2048), ("2kib", 2048), ("1 MB", 10**6), ("1GiB", 2**30)],
)
def test_sizes_are_parsed(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "1.5MB", "-1", "1XB", "1TBB", "9" * 16])
def test_invalid_sizes_are_refused(text):
    with pytest.raises(ValueError, match="must be a number of bytes"):
        parse_size(text)


class Model(BaseModel):
    wait: Duration = timedelta(seconds=1)
    size: ByteSize = 1


def test_models_accept_text_and_values_and_serialize_text():
    assert Model(wait="1m", size="1KiB") == Model(wait=timedelta(minutes=1), size=1024)
    assert Model(wait="90s").model_dump_json() == '{"wait":"1m30s","size":1}'


@pytest.mark.parametrize("bad", [{"wait": True}, {"wait": []}, {"size": True}, {"size": 1.5}])
def test_models_refuse_other_types(bad):
    with pytest.raises(ValidationError):
        Model(**bad)
