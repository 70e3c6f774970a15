"""A look-alike for the test, and real boto3 clients of it, called in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import botocore.session
import pytest
from anyio import to_thread
from botocore.config import Config
from botocore.exceptions import ClientError

from smartops.testing import ManualClock
from smartops_aws.simulator import AwsSimulator

ACCOUNT = "123456789012"
REGION = "eu-central-1"


class Client:
    """A boto3 client whose calls can be awaited."""

    def __init__(self, real: Any) -> None:
        self.real = real

    async def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await to_thread.run_sync(partial(getattr(self.real, method), **parameters))

    async def pages(self, method: str, size: int | None, **parameters: Any) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            paginator = self.real.get_paginator(method)
            return list(paginator.paginate(**parameters, PaginationConfig={"PageSize": size}))

        return await to_thread.run_sync(read)

    async def refused(self, method: str, **parameters: Any) -> tuple[str, str, int]:
        """Return the code, the text and the HTTP status of an error."""
        with pytest.raises(ClientError) as caught:
            await self(method, **parameters)
        told = caught.value.response
        return (
            told["Error"]["Code"],
            told["Error"]["Message"],
            told["ResponseMetadata"]["HTTPStatusCode"],
        )


class Place:
    """A running look-alike with its clock."""

    def __init__(self, simulator: AwsSimulator, clock: ManualClock, session: Any) -> None:
        self.simulator = simulator
        self.clock = clock
        self.world = simulator.world
        self._session = session

    def client(
        self,
        service: str,
        *,
        key: str = ACCOUNT,
        region: str = REGION,
        token: str | None = None,
        attempts: int = 1,
        **config: Any,
    ) -> Client:
        settings = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            parameter_validation=False,
            **{"read_timeout": 10, **config},
        )
        return Client(
            self._session.create_client(
                service,
                region_name=region,
                endpoint_url=self.simulator.url,
                aws_access_key_id=key,
                aws_secret_access_key="any",
                aws_session_token=token,
                config=settings,
            )
        )


Start = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture(scope="session")
def session() -> Any:
    return botocore.session.get_session()


@pytest.fixture
def start(session: Any) -> Start:
    """Return what starts a look-alike: ``async with start(instances=[…], …) as place``."""

    @asynccontextmanager
    async def starting(
        *, instances: Any = (), generate: Any = (), others: Any = (), **more: Any
    ) -> AsyncIterator[Place]:
        clock = ManualClock()
        region: Mapping[str, Any] = {"instances": instances, "generate": generate}
        accounts = {ACCOUNT: {"regions": {REGION: region}}, **dict(others)}
        scenario = {"accounts": accounts, **more}
        async with AwsSimulator.start(scenario, clock=clock) as simulator:
            yield Place(simulator, clock, session)

    return starting
