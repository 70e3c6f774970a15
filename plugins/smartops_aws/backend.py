"""The backends of a configuration: one for each region of each account, one for each bill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

from smartops import Clock
from smartops.backends import Backend

from .api import Api
from .compute import AwsCompute
from .config import AccountConfig, AwsConfig
from .costs import AwsCosts
from .metrics import AwsMetrics
from .part import Part
from .runner import AwsRunner
from .sdk import Sdk

_WARM = 8
"""How many regions are made ready at start; a thirtieth of a second each."""


class Aws(AwsCompute, AwsRunner, AwsMetrics):
    """One region of one account, with all that can be done there."""


class _WithoutRunner(AwsCompute, AwsMetrics):
    """A region where no scripts are run."""


class _WithoutMetrics(AwsCompute, AwsRunner):
    """A region where nothing is measured."""


_KINDS: Mapping[tuple[bool, bool], type[Part]] = {
    (True, True): Aws,
    (False, True): _WithoutRunner,
    (True, False): _WithoutMetrics,
    (False, False): AwsCompute,
}


def backends(config: AwsConfig, clock: Clock) -> Iterator[Backend]:
    """Make the backends, in the order of the configuration; nothing is asked of AWS yet."""
    kind = _KINDS[config.runner.enabled, config.metrics.enabled]
    for account in config.accounts:
        sdk = Sdk(account, config, clock)
        for region in account.regions:
            yield kind(Api(account, region, sdk, config.limits, clock), config)
        if config.costs.enabled and account.costs:
            where = config.costs.region or _home_of_costs(account)
            yield AwsCosts(account, Api(account, where, sdk, config.limits, clock), config.costs)


@asynccontextmanager
async def running(backends: Sequence[Backend]) -> AsyncIterator[None]:
    """Have the clients ready while SmartOps runs, and close them afterwards.

    What the SDK reads for its first clients is large. It is read before
    SmartOps is ready, for what is there by then the garbage collector passes
    over; otherwise it would hold up everybody again and again.
    """
    parts = [backend for backend in backends if isinstance(backend, Part)]
    for part in parts[:_WARM]:
        await part.warm()
    try:
        yield
    finally:
        for part in parts:
            part.close()


def _home_of_costs(account: AccountConfig) -> str:
    """Return the only region of the partition where Cost Explorer is."""
    return "cn-northwest-1" if account.partition == "aws-cn" else "us-east-1"
