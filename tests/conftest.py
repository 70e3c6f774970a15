"""Shared by all tests: async tests run on asyncio, which is what hypercorn serves on."""

import gc
import os
from collections.abc import Generator
from typing import Any

import pytest

# Processes that tests start would otherwise compile SmartOps each time, for 0.2 seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect tests without the garbage collector, which takes a third of the time there.

    Afterwards it does not look again at what was imported and collected.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
