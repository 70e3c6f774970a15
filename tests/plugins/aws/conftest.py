"""AWS as simulated by moto, in this process; no test can reach the real one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.register_assert_rewrite("smartops.testing.backends")
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # read when moto is imported

import botocore.session  # noqa: E402
from botocore.retries.standard import ExponentialBackoff  # noqa: E402
from moto import mock_aws  # noqa: E402

from smartops import Clock, KeyValueStore  # noqa: E402
from smartops.backends import Backend  # noqa: E402
from smartops.testing import ManualClock, MemoryKeyValueStore  # noqa: E402
from smartops_aws.backend import backends  # noqa: E402
from smartops_aws.config import AwsConfig  # noqa: E402

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
ACCOUNT = "123456789012"
REGION = "eu-central-1"
SECTION: Mapping[str, Any] = {
    "accounts": [{"name": "prod", "account": ACCOUNT, "regions": [REGION]}],
    "runner": {"raw_scripts": True},
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have made-up keys in the environment only, and no pauses between the SDK's retries."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON.timestamp())


@pytest.fixture
def moto() -> Iterator[None]:
    """Have moto answer instead of AWS."""
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def plain() -> Any:
    """One session of the SDK as it comes, for all tests: to read its models takes a while."""
    return botocore.session.get_session()


@pytest.fixture
def client(moto: None, plain: Any) -> Callable[..., Any]:
    """Make clients that create what moto has."""

    def make(service: str, region: str = REGION) -> Any:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return plain.create_client(service, region_name=region, **keys)

    return make


@pytest.fixture
def launched(client: Callable[..., Any]) -> Callable[..., str]:
    """Launch an instance and return its id."""

    def launch(name: str = "", region: str = REGION, /, type: str = "t3.micro", **tags: str) -> str:
        named = {"Name": name, **tags} if name else tags
        listed = [{"Key": key, "Value": value} for key, value in named.items()]
        answer = client("ec2", region).run_instances(
            ImageId="ami-1234abcd",
            MinCount=1,
            MaxCount=1,
            InstanceType=type,
            TagSpecifications=[{"ResourceType": "instance", "Tags": listed}] if listed else [],
        )
        return answer["Instances"][0]["InstanceId"]

    return launch


@pytest.fixture
def configured() -> Callable[..., AwsConfig]:
    """Make a section; its default is one account with one region."""

    def make(**section: Any) -> AwsConfig:
        return AwsConfig.model_validate({**SECTION, **section})

    return make


@pytest.fixture
def found(configured: Callable[..., AwsConfig]) -> Iterator[Callable[..., list[Any]]]:
    """Make the backends of a section; their connections are closed afterwards."""
    everything: list[Any] = []

    def make(
        clock: Clock | None = None, store: KeyValueStore | None = None, **section: Any
    ) -> list[Backend]:
        store = store or MemoryKeyValueStore()
        made = list(backends(configured(**section), clock or Clock(), store))
        everything.extend(made)
        return made

    yield make
    for backend in everything:
        backend.region.sdk.close()
