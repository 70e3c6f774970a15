"""Batches of audit events and checkpoints as locked objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from anyio import to_thread

from smartops import BackendUnavailable, Clock
from smartops.guards import AuditBatch, AuditSink
from smartops_aws.kit import Access, Account, Action, Fault, Region, is_loopback

from .config import S3AuditConfig

PUT = Action(
    "s3",
    "PutObject",
    "store the audit log in S3",
    kind="change",
    answer="ETag",
    feature="s3_audit",
)


class S3(AuditSink):
    """Writes each object once: its key is made of its content, and nothing is replaced."""

    def __init__(self, config: S3AuditConfig, clock: Clock, name: str) -> None:
        self.name = name
        self._config = config
        self._clock = clock
        access = Access(
            name,
            config,
            config.limits,
            endpoint=config.endpoint,
            sts_endpoint=config.endpoint if is_loopback(config.endpoint) else "",
        )
        self._account = Account(access, clock)
        self._region = Region(self._account, config.region)

    async def send(self, batch: AuditBatch) -> None:
        """Store the events as lines of JSON, and the checkpoints as ``audit verify`` reads them."""
        if batch.events:
            lines = [json.dumps(event, ensure_ascii=False) for event in batch.events]
            first, last = batch.events[0]["id"], batch.events[-1]["id"]
            await self._put(f"events/{first:019}-{last:019}", "jsonl", lines)
        for note in batch.checkpoints:
            number = int(note.partition("\nnumber ")[2].partition("\n")[0])
            await self._put(f"checkpoints/{number:019}", "txt", [note])

    async def _put(self, key: str, suffix: str, lines: Sequence[str]) -> None:
        """Store an object; one with the same content may be there from an earlier attempt."""
        config, body = self._config, "".join(f"{line}\n" for line in lines).encode()
        until = datetime.fromtimestamp(self._clock.time(), UTC) + config.retain
        digest = hashlib.sha256(body).hexdigest()[:16]
        parameters = {
            "Bucket": config.bucket,
            "Key": f"{config.folder}{key}-{digest}.{suffix}",
            "Body": body,
            "IfNoneMatch": "*",
            "ChecksumAlgorithm": "SHA256",
            "ObjectLockMode": config.mode.upper(),
            "ObjectLockRetainUntilDate": until,
        }
        try:
            await self._region.attempt(PUT, 0, parameters)
        except Fault as fault:
            if fault.code != "PreconditionFailed":
                raise BackendUnavailable(f"S3 refused: {fault.code}") from fault

    async def aclose(self) -> None:
        """Close the connections."""
        await to_thread.run_sync(self._account.close)
