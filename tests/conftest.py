"""Shared by all tests: async tests run on asyncio, which is what hypercorn serves on."""

import os

import pytest


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: many tests wait for servers of their own."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
