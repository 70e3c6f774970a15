"""Reading YAML: syntax errors, duplicate keys, anchors and tags."""

from pathlib import Path

import pytest
import yaml

from smartops.config import in_file_order, read
from smartops.errors import Problem, StartupError


def refusal(path):
    with pytest.raises(StartupError) as caught:
        read(path)
    return str(caught.value)


def test_an_empty_file_is_all_defaults(document):
    settings = document("").settings()
    assert settings.server.port == 3978
    assert settings.rules == ()


def test_a_section_whose_lines_are_all_comments_is_all_defaults(document):
    settings = document("server:\n  # port: 1\nlog:\nplugins:\n").settings()
    assert settings.server.port == 3978


def test_missing_file_names_the_remedy(tmp_path):
    assert refusal(tmp_path / "no.yaml") == (
        f"{tmp_path}/no.yaml: there is no such file; name one with --config"
    )


def test_a_folder_is_refused(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: is a directory"


def test_only_utf8_is_read(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"log: {level: \xe9}")
    assert refusal(path) == f"{path}: is not text in UTF-8 (byte 14)"


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfserver: {port: 1}")
    assert read(path).settings().server.port == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b: c", "1:5: unexpected colon; check the indentation, or"),
        ("log:\n\tlevel: info", "2:1: invalid character (a tab?); indent"),
        ("log: [a", "2:1: a list in [brackets] is not closed"),
        ("log: {a: 1", "2:1: a mapping in {braces} is not closed"),
        ("log: 'a", "1:8: quotes or brackets are not closed"),
        ("log:\n  level: info\n format: json", "3:2: a key was expected; check the indentation"),
        ("log: {level: ${L}, format: json}", "1:15: inside {braces} and [brackets], ${NAME} must"),
        ("a: 1\n--- \nb: 2", "3:1: a second document begins here; one is allowed"),
        ("- a", "1:1: must be a mapping, such as server: {port: 3978}"),
        ("words", "1:1: must be a mapping, such as server: {port: 3978}"),
        ("log: x\x07", "1:7: the character U+0007 is not allowed in a YAML file"),
        ("log: *b", "1:6: log: anchors and aliases are not allowed; write the value out"),
        ("[" * 100, "1:41: is nested too deeply"),
    ],
)
def test_a_syntax_error_has_place_and_reason(problems, text, problem):
    (found,) = problems(text)
    assert found.startswith(f"smartops.yaml:{problem}")


def test_a_huge_file_is_refused(problems):
    assert problems("#" * 1_000_001) == [
        "smartops.yaml:1:1: is larger than a configuration file may be"
    ]


def test_an_endless_device_is_read_up_to_the_limit():
    assert refusal(Path("/dev/zero")).endswith("is larger than a configuration file may be")


def test_a_yaml_bomb_is_refused(problems):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    found = problems("\n".join(lines))
    assert (
        "smartops.yaml:1:5: a0: anchors and aliases are not allowed; write the value out" in found
    )
    assert len(found) < 400


def test_tags_create_no_objects(problems):
    (found,) = problems("log: {level: !!python/object/apply:os.system ['true']}")
    assert found == (
        "smartops.yaml:1:14: log.level: tags such as !!str are not allowed; use quotes for text"
    )


def test_a_key_given_twice_names_both_lines(problems):
    assert problems("log:\n  level: info\n  format: json\n  level: debug\n") == [
        "smartops.yaml:4:3: log.level: given twice; first in line 2"
    ]


def test_a_key_must_be_text(problems):
    (found,) = problems("log:\n  ? [level]\n  : info\n")
    assert found == "smartops.yaml:2:5: log: a key must be plain text"


def test_columns_count_characters(problems):
    (found,) = problems("people: {\u00e9\u00e9\U0001f600: {rolls: [a]}}")
    assert found.startswith("smartops.yaml:1:16: people.\u00e9\u00e9\U0001f600.rolls: unknown key")


def test_problems_follow_the_file(problems):
    made = [
        Problem("last"),
        Problem("c", where="f:10:2"),
        Problem("b", where="f:9:12"),
        Problem("a", where="f:9:3"),
        Problem("first", where="command line"),
    ]
    assert [item.text for item in in_file_order(made)] == ["first", "a", "b", "c", "last"]


def test_without_the_c_parser_nothing_changes(problems, document, monkeypatch):
    text = "server: {port: 1}\nlog:\n  level: x\n  yes: 1\n"
    found = problems(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert problems(text) == found
    assert document("server: {port: 1}").settings().server.port == 1
    assert problems("log: {level: 'a") == ["smartops.yaml:1:16: quotes or brackets are not closed"]
