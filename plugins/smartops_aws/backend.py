"""The backends of a configuration: one for each region of each account, one for each bill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from smartops import Clock, KeyValueStore
from smartops.backends import Backend

from .compute import AwsCompute
from .config import AccountConfig, AwsConfig
from .costs import AwsCosts
from .kit import Access, Account, Region
from .metrics import AwsMetrics
from .parsing import Listener
from .part import AwsBackend, Part
from .runner import AwsRunner

_WARM = 16
"""How many regions are made ready at start; a thirtieth of a second each."""

_READ = 5.0
"""Seconds for which a read waits for an answer, retries included."""


def backends(
    config: AwsConfig, clock: Clock, store: KeyValueStore | None = None
) -> Iterator[AwsBackend]:
    """Make the backends, in the order of the configuration; nothing is asked of AWS yet.

    Bills need the ``store``.
    """
    kinds: list[type[Part]] = [AwsCompute]
    kinds += [AwsRunner] if config.runner.enabled else []
    kinds += [AwsMetrics] if config.metrics.enabled else []
    kind = type("Aws", tuple(kinds), {})  # commands are given a backend for each of its kinds
    wait = config.limits.wait.total_seconds()
    for account in config.accounts:
        shared = Account(_access(account, config), clock)
        for region in account.regions:
            yield kind(Region(shared, region, wait, _READ), config)
        if config.costs.enabled and account.costs:
            home = Region(shared, _home_of_costs(account), wait, _READ)
            yield AwsCosts(account, home, config.costs, store)


@asynccontextmanager
async def running(backends: Sequence[Backend]) -> AsyncIterator[None]:
    """Have the clients ready while SmartOps runs, and close them afterwards.

    What the SDK reads for its first clients is large. It is read before
    SmartOps is ready: the garbage collector never scans what exists by then.
    """
    parts = [backend for backend in backends if isinstance(backend, Part)]
    for part in parts[:_WARM]:
        await part.region.warm("ec2", "ssm", "cloudwatch")
    try:
        yield
    finally:
        for part in parts:
            part.region.account.close()


def _access(account: AccountConfig, config: AwsConfig) -> Access:
    def prepare(client: Any, service: str, region: str) -> None:
        if service == "ec2":
            listener = Listener(f"{account.name}/{region}")
            client.meta.events.register("before-parse.ec2.DescribeInstances", listener)

    return Access(
        account.name,
        account,
        config.limits,
        number=account.number,
        endpoint=config.endpoint,
        sts_endpoint=config.endpoint,
        prepare=prepare,
    )


def _home_of_costs(account: AccountConfig) -> str:
    """Return the only region of the partition where Cost Explorer is."""
    return "cn-northwest-1" if account.partition == "aws-cn" else "us-east-1"
