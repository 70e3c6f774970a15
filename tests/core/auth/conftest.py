from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from smartops.auth import TokenVerifier
from smartops.channels import Issuer
from smartops.http import AiohttpClient
from smartops.testing.clock import ManualClock
from smartops.testing.issuer import SigningKey, StandInIssuer


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.create()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def http() -> AsyncIterator[AiohttpClient]:
    client = AiohttpClient()
    yield client
    await client.aclose()


@pytest.fixture
async def issuer(clock: ManualClock, signing_key: SigningKey) -> AsyncIterator[StandInIssuer]:
    async with StandInIssuer.start(clock=clock, key=signing_key) as running:
        yield running


@pytest.fixture
def verifier(http: AiohttpClient, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(http, clock)


@pytest.fixture
def trusted(issuer: StandInIssuer) -> tuple[Issuer, ...]:
    return (issuer.trusted(),)
