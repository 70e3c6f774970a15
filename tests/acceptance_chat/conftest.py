"""A SmartOps on both simulated platforms; a request that one would refuse fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat_deployment import Deployment, Platform, deployed


@pytest.fixture
async def stopped_deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """Return a deployment before its start, so that the settings of plugins can be changed."""
    async with deployed(tmp_path) as deployment:
        yield deployment


@pytest.fixture
async def deployment(stopped_deployment: Deployment) -> Deployment:
    await stopped_deployment.start()
    return stopped_deployment


@pytest.fixture(params=["slack", "teams"])
def platform(request: pytest.FixtureRequest, deployment: Deployment) -> Platform:
    return deployment.platforms[request.param]
