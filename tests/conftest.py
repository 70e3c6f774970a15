"""Shared by all tests: async tests run on asyncio, which is what hypercorn serves on."""

import os

import pytest

# Processes that tests start would otherwise compile SmartOps each time, for 0.2 seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
