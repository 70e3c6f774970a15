"""Rules for the whole code: forbidden words, sizes, facades, messages."""

import ast
import functools
import inspect
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import smartops
import smartops.backends
import smartops.channels
import smartops.guards
import smartops.server
from smartops import Refusal, hookspecs
from smartops.plugins import HOOKS

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "smartops").rglob("*.py"))
SOURCES = CORE + sorted((ROOT / "plugins").rglob("*.py"))

FACADES = (smartops, smartops.backends, smartops.channels, smartops.guards)

VENDORS = re.compile(
    r"\b(aws|amazon|ec2|ssm|bedrock|azure|entra|microsoft|ms_?teams|slack|adaptive ?cards?|"
    r"bot ?framework)\b|(?-i:\bTeams\b)",
    re.IGNORECASE,
)


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_core_names_no_vendor() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in CORE
        if path.name != "masking.py"  # the formats of well-known credentials
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if VENDORS.search(line)
    ]
    assert not found


def test_files_and_functions_are_short() -> None:
    assert not [relative(path) for path in SOURCES if len(path.read_text().splitlines()) > 400]
    long = [
        f"{relative(path)}: {node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for path in SOURCES
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= 60
    ]
    assert not long


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: facade.__name__)
def test_a_facade_exports_all_of_its_public_names(facade: ModuleType) -> None:
    public = {
        name
        for name, value in vars(facade).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert facade.__all__ == sorted(facade.__all__)
    assert set(facade.__all__) == public


def test_each_public_name_is_in_one_facade_and_the_main_one_is_small() -> None:
    names = [name for facade in FACADES for name in facade.__all__]
    assert len(names) == len(set(names))
    assert len(smartops.__all__) <= 50


def test_every_hook_has_a_docstring() -> None:
    assert HOOKS
    for name in HOOKS:
        assert inspect.getdoc(getattr(hookspecs, name)), name


def test_library_code_never_ends_the_process() -> None:
    ending = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        if "cli" not in path.parts and path.name != "__main__.py"
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("sys.exit", "exit", "os._exit", "quit")
    ]
    assert not ending


def test_broad_excepts_are_few() -> None:
    """``smartops.contained`` catches what plugin code raises; others re-raise or say why."""
    broad = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(node.type)))
    ]
    assert len(broad) <= 8, broad


def test_every_test_of_a_hook_exists() -> None:
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in HOOKS if f"def test_hook_{name}(" not in text] == []


def test_messages_of_refusals_have_no_final_stop() -> None:
    """Messages are parts of other sentences; ``details`` are sentences."""
    refusals = {kind.__name__ for kind in family(Refusal)}
    texts = [
        (f"{relative(path)}:{node.lineno}", ast.unparse(node.args[0]))
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in refusals
        and node.args
    ]
    assert len(texts) > 100
    assert [place for place, text in texts if text.rstrip("\"'").endswith(".")] == []


def family(kind: type) -> Iterator[type]:
    yield kind
    for each in kind.__subclasses__():
        yield from family(each)


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="this is no git checkout"
)
def test_no_private_key_and_no_ignored_file_is_committed() -> None:
    """With a published key anybody could sign tokens."""
    ignored = ("git", "ls-files", "--cached", "--ignored", "--exclude-standard")
    assert subprocess.run(ignored, cwd=ROOT, capture_output=True, check=True).stdout == b""
    key = ("git", "grep", "--cached", "-l", "-E", "^-----BEGIN [A-Z ]*PRIVATE KEY-----")
    assert subprocess.run(key, cwd=ROOT, capture_output=True, check=False).stdout == b""
