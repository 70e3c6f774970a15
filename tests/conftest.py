"""Shared by all tests: async tests run on asyncio, which is what hypercorn serves on."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
