"""A local AWS whose time is set by hand, and plain clients of the SDK for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from smartops.testing import ManualClock
from smartops_simulators.aws import AwsSimulator

ACCOUNT, REGION = "123456789012", "eu-central-1"
Start = Callable[..., AwsSimulator]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_790_000_000)


@pytest.fixture
def start(clock: ManualClock) -> Iterator[Start]:
    """Start a local AWS with these instances in one region of one account."""
    with ExitStack() as stack:

        def start(*instances: Any, accounts: Any = None, **scenario: Any) -> AwsSimulator:
            regions = {REGION: {"instances": instances}}
            named = {ACCOUNT: {"regions": regions}} | (accounts or {})
            made = AwsSimulator({"accounts": named, **scenario}, clock=clock)
            return stack.enter_context(made)

        yield start


@pytest.fixture(scope="session")
def session() -> Any:
    return botocore.session.Session()


@pytest.fixture
def client(session: Any) -> Iterator[Callable[..., Any]]:
    """Make a client that does not retry, and sends what the service has to refuse."""
    made = []

    def make(
        aws: AwsSimulator,
        service: str,
        key: str = ACCOUNT,
        token: str | None = None,
        timeout: float = 20,
    ) -> Any:
        client = session.create_client(
            service,
            region_name=REGION,
            endpoint_url=aws.url,
            aws_access_key_id=key,
            aws_secret_access_key="made-up",
            aws_session_token=token,
            config=Config(
                retries={"total_max_attempts": 1},
                read_timeout=timeout,
                parameter_validation=False,
            ),
        )
        made.append(client)
        return client

    yield make
    for each in made:
        each.close()
