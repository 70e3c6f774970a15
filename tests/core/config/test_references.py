"""``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}``."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from smartops.config import read


class Notes(BaseModel):
    text: str = ""
    number: int = 0
    anything: object = None


@pytest.fixture
def notes(document):
    def fill(section: str, **environ: str) -> Notes:
        made = document(f"plugins:\n  notes:\n    {section}\n", environ=environ)
        filled = made.plugin("notes", Notes)
        assert filled is not None
        return filled

    return fill


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ('"${NAME}"', "value"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NAME:-default}", "value"),
        ("$NAME", "$NAME"),
        ("$${NAME}", "${NAME}"),
        ("awk '{print $1}'", "awk '{print $1}'"),
        ("${NESTED}", "${NAME}"),
    ],
)
def test_references_are_filled_in(notes, written, expected):
    environ = {"NAME": "value", "EMPTY": "", "NESTED": "${NAME}"}
    assert notes(f"text: {written}", **environ).text == expected


def test_a_number_may_be_a_reference(notes):
    assert notes("number: ${N}", N="7").number == 7
    assert notes('number: "${N}"', N="7").number == 7


def test_a_referenced_text_stays_text(notes):
    assert notes("text: ${N}", N="0123").text == "0123"
    assert notes("text: ${N}", N="true").text == "true"


def test_files_are_relative_to_the_configuration(notes, tmp_path):
    (tmp_path / "pin").write_text("s3cret\n")
    assert notes("text: ${file:pin}").text == "s3cret"
    assert notes(f"text: x-${{file:{tmp_path}/pin}}").text == "x-s3cret"


def test_the_environment_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("SMARTOPS_TEST_PORT", "4001")
    path = tmp_path / "c.yaml"
    path.write_text("server: {port: '${SMARTOPS_TEST_PORT}'}")
    assert read(path).settings().server.port == 4001


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("${MISSING}", "the environment variable MISSING is not set"),
        ("${missing}", "the environment variable missing is not set"),
        ("${1}", "a reference must be ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for"),
        ("${NAME", "a reference must be"),
        ("${NAME-x}", "a reference must be"),
        ("${}", "a reference must be"),
        ("${file:}", "a reference must be"),
        ("${file:nowhere}", "cannot read {folder}/nowhere: no such file or directory"),
        ("${file:.}", "cannot read {folder}: is a directory"),
        ("${file:binary}", "{folder}/binary is not text in UTF-8"),
        ("${file:large}", "{folder}/large is larger than 64 KiB"),
    ],
)
def test_an_invalid_reference_is_reported(problems, tmp_path, written, problem):
    Path("binary").write_bytes(b"\xff\xfe")
    Path("large").write_bytes(b"x" * 70_000)
    (found,) = problems(f"plugins:\n  notes:\n    text: '{written}'\n", {"notes": Notes})
    expected = problem.replace("{folder}", os.fspath(tmp_path))
    assert found.startswith(f"smartops.yaml:3:11: plugins.notes.text: {expected}")


def test_every_missing_variable_is_named(problems):
    text = "server:\n  host: ${A}\n  base_path: /${B}/${C}\n"
    assert [line.split(": ")[-1] for line in problems(text)] == [
        "the environment variable A is not set",
        "the environment variable B is not set",
        "the environment variable C is not set",
    ]
