"""Random input: reading a configuration raises only StartupError."""

import contextlib
import string
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from smartops import ByteSize, Duration, Secret
from smartops.config import Settings, read
from smartops.errors import StartupError


class Kind(Enum):
    ONE = 1
    TWO = "two"


class Inner(BaseModel):
    count: int = 0
    inner: "Inner | None" = None


class Model(BaseModel):
    token: Secret | None = None
    other: SecretStr | None = None
    wait: Duration | None = None
    size: ByteSize | None = None
    kind: Kind = Kind.ONE
    inners: dict[str, list[Inner]] = {}
    either: int | list[str] | Inner | None = None
    anything: Any = None


KEYS = [*Settings.model_fields, *Model.model_fields, *Inner.model_fields, "plugins", "p", "issuers"]
WORDS = ["yes", "true", "null", "~", "0123", "1e999", "${A}", "${A:-x}", "${", "local", "oidc", "*"]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS + KEYS)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
shapes = st.dictionaries(st.sampled_from(KEYS), trees, max_size=6)
noise = st.text(alphabet=string.printable + "é😀\x85\u2028\x00", max_size=60) | st.lists(
    st.sampled_from(["a: ", "- ", "{", "}", "[", "]", "\n", "  ", "&a ", "*a ", "!!str ", "? ",
                     "'", '"', "|\n", "> ", "#", "---\n", "...\n", "%YAML 9.9\n", "${A}", ": ",
                     "plugins:", "\\u", '"\\ud800"', "\t", "<<: "]),
    max_size=25,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wild") / "smartops.yaml"


def fill_everything(file: Path) -> None:
    """Read and fill; only StartupError may be raised."""
    try:
        document = read(file, environ={"A": "s3cret-canary"})
    except StartupError as error:
        check(error)
        return
    for name in (*document.plugins(), "p"):
        with contextlib.suppress(StartupError):
            document.plugin(name, None)
        try:
            document.plugin(name, Model)
        except StartupError as error:
            check(error)
    try:
        document.settings()
    except StartupError as error:
        check(error)


def check(error: StartupError) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.text
        assert problem.where.startswith(("command line",)) or ".yaml" in problem.where
        assert "s3cret-canary" not in str(problem)
        assert "Input should" not in problem.text
        assert "pydantic" not in problem.text
    assert error.__context__ is None


@settings(deadline=None, max_examples=80)
@given(shapes)
def test_any_tree_is_settings_or_problems(file, tree):
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    fill_everything(file)


@settings(deadline=None, max_examples=150)
@given(noise)
def test_any_text_is_settings_or_problems(file, text):
    file.write_text(text, encoding="utf-8")
    fill_everything(file)
