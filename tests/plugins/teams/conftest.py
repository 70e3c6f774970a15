"""The channel with the real verifier, and the service that signs for it, on one manual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from smartops import Services
from smartops.auth import TokenVerifier
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_teams import TeamsChannel, TeamsConfig
from teams_activities import Issuers


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
async def running_service(clock: ManualClock) -> AsyncIterator[Issuers]:
    """Making keys takes long, so the service runs for the whole session."""
    async with Issuers.start(clock) as service:
        yield service


@pytest.fixture
async def service(running_service: Issuers) -> AsyncIterator[Issuers]:
    """Return the service; what a test does to its keys is undone."""
    issuers = (running_service.framework, running_service.entra)
    keys = [list(issuer.keys) for issuer in issuers]
    for issuer in issuers:
        issuer.fetches.clear()
    yield running_service
    for issuer, before in zip(issuers, keys, strict=True):
        issuer.keys[:] = before
        issuer.entries.clear()


@pytest.fixture
async def services(clock: ManualClock) -> AsyncIterator[Services]:
    http = AiohttpClient()
    yield Services(clock, http, TokenVerifier(http, clock))
    await http.aclose()


@pytest.fixture
def make_channel(service: Issuers, services: Services) -> Callable[..., TeamsChannel]:
    """Return a factory of channels that trust the service; settings as keywords."""

    def make(**settings: Any) -> TeamsChannel:
        config = TeamsConfig.model_validate({**service.settings, **settings})
        return TeamsChannel(config, services)

    return make


@pytest.fixture
def channel(make_channel: Callable[..., TeamsChannel]) -> TeamsChannel:
    return make_channel()
