"""A SmartOps on both platforms; what either would not forgive fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat_house import Front, House, a_house


@pytest.fixture
async def closed_house(tmp_path: Path) -> AsyncIterator[House]:
    """A house that is not started yet: its plugins' settings can be changed."""
    async with a_house(tmp_path) as house:
        yield house


@pytest.fixture
async def house(closed_house: House) -> House:
    await closed_house.start()
    return closed_house


@pytest.fixture(params=["slack", "teams"])
def front(request: pytest.FixtureRequest, house: House) -> Front:
    return house.fronts[request.param]
