from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel

from smartops.config import Document, in_file_order, read
from smartops.errors import StartupError


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Document]:
    """Return a function that reads YAML text as the file ``smartops.yaml``."""
    monkeypatch.chdir(tmp_path)

    def make(
        text: str,
        *,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Document:
        Path("smartops.yaml").write_text(dedent(text), encoding="utf-8")
        return read("smartops.yaml", overrides=overrides, environ=environ or {})

    return make


@pytest.fixture
def problems(document: Callable[..., Document]) -> Callable[..., list[str]]:
    """Return a function that lists all problems of a text, one line each, in order."""

    def find(
        text: str,
        plugins: Mapping[str, type[BaseModel] | None] | None = None,
        **options: Any,
    ) -> list[str]:
        found: list[Any] = []
        try:
            made = document(text, **options)
        except StartupError as error:
            return [str(problem) for problem in error.problems]
        fills: Iterable[Callable[[], object]] = [
            made.settings,
            *(
                lambda name=name, model=model: made.plugin(name, model)
                for name, model in (plugins or {}).items()
            ),
        ]
        for fill in fills:
            try:
                fill()
            except StartupError as error:
                found += error.problems
        return [str(problem) for problem in in_file_order(found)]

    return find
