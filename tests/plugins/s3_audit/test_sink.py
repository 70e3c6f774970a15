"""The audit log in S3, as moto simulates it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from smartops import BackendUnavailable
from smartops.guards import AuditBatch
from smartops.store import split_notes
from smartops.testing import ManualClock
from smartops_s3_audit.config import S3AuditConfig
from smartops_s3_audit.sink import S3

pytestmark = pytest.mark.anyio

REGION = "eu-central-1"
NOTES = [f"smartops-audit-checkpoint/1\nnumber {number}\nat …\n" for number in (1, 2)]
BATCH = AuditBatch([{"id": 7, "text": "stop wéb"}, {"id": 9, "text": "help"}], NOTES)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        made = botocore.session.get_session().create_client("s3", region_name=REGION)
        made.create_bucket(
            Bucket="audit-log",
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectLockEnabledForBucket=True,
        )
        yield made


@pytest.fixture
async def sink(clock: ManualClock) -> Any:
    made = S3(S3AuditConfig(bucket="audit-log", region=REGION), clock, "s3_audit")
    yield made
    await made.aclose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _keys(client: Any) -> list[str]:
    found = client.list_object_versions(Bucket="audit-log")
    return [version["Key"] for version in found.get("Versions", ())]


def _body(client: Any, key: str) -> str:
    return client.get_object(Bucket="audit-log", Key=key)["Body"].read().decode()


async def test_events_and_checkpoints_become_locked_objects(
    client: Any, sink: S3, clock: ManualClock
) -> None:
    await sink.send(BATCH)
    first, second, events = sorted(_keys(client))
    assert first.startswith("smartops/checkpoints/0000000000000000001-")
    assert events.startswith("smartops/events/0000000000000000007-0000000000000000009-")
    assert _body(client, events) == '{"id": 7, "text": "stop wéb"}\n{"id": 9, "text": "help"}\n'
    held = split_notes(_body(client, first) + _body(client, second))
    assert [note.partition("\n\n")[0].split("\n")[1] for note in held] == ["number 1", "number 2"]
    lock = client.head_object(Bucket="audit-log", Key=events)
    assert lock["ObjectLockMode"] == "COMPLIANCE"
    locked_for = lock["ObjectLockRetainUntilDate"].timestamp() - clock.time()
    assert locked_for == pytest.approx(365 * 86_400)


async def test_a_batch_that_is_sent_again_makes_no_second_version(client: Any, sink: S3) -> None:
    await sink.send(BATCH)
    await sink.send(BATCH)
    assert len(_keys(client)) == 3


async def test_a_bucket_that_refuses_is_unavailable(client: Any, clock: ManualClock) -> None:
    missing = S3(S3AuditConfig(bucket="no-bucket", region=REGION), clock, "s3_audit")
    with pytest.raises(BackendUnavailable, match="NoSuchBucket"):
        await missing.send(BATCH)
    await missing.aclose()
