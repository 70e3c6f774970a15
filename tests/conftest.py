"""Shared by all tests: async tests run on asyncio, which is what hypercorn serves on."""

import gc
import os

import pytest

# Processes that tests start would otherwise compile SmartOps each time, for 0.2 seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

gc.disable()  # it takes a third of the time of the collection of tests, and finds nothing


def pytest_collection_finish() -> None:
    """Free garbage again, but without looking each time at what was imported and collected."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
