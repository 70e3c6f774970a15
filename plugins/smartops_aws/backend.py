"""The backends of a configuration: one for each region of each account, one for each bill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smartops import Backend, Clock

from .api import Api
from .compute import AwsCompute
from .config import AccountConfig, AwsConfig
from .costs import AwsCosts
from .metrics import AwsMetrics
from .part import Part
from .runner import AwsRunner
from .sdk import Sdk


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
        sdk = Sdk(account, config)
        for region in account.regions:
            yield kind(Api(account, region, sdk, config.limits, clock), config)
        if config.costs.enabled and account.costs:
            where = config.costs.region or _home_of_costs(account)
            yield AwsCosts(account, Api(account, where, sdk, config.limits, clock), config.costs)


def _home_of_costs(account: AccountConfig) -> str:
    """Return the only region of the partition where Cost Explorer is."""
    return "cn-northwest-1" if account.partition == "aws-cn" else "us-east-1"
