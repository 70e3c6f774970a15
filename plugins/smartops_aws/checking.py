"""``smartops aws check``: tries every action in every account and region, and changes nothing.

EC2 has dry runs. The other actions read one item, or are about a command that
does not exist. For SendCommand there is no call that certainly does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from smartops import Clock, PermissionDenied, Refusal
from smartops.backends import Query

from . import actions
from .backend import backends
from .compute import AwsCompute
from .config import AwsConfig
from .costs import UNFINISHED, AwsCosts
from .gauges import cpu, query
from .kit import Action, Fault, Region
from .kit.action import declared
from .kit.concurrency import together
from .part import AwsBackend
from .policy import features

_NO_COMMAND = "00000000-0000-0000-0000-000000000000"
_NO_INSTANCE = "i-00000000000000000"
_SERVER_ERROR = 500
_FEW = {"MaxResults": 5}
_TAGS = [{"Key": "smartops-check", "Value": ""}]
_POWER = (actions.START, actions.STOP, actions.REBOOT)
_TAGGING = (actions.CREATE_TAGS, actions.DELETE_TAGS)
_ON_TARGET = (*_POWER, *_TAGGING, actions.PROTECTION)
_UNSAFE = "no call of it certainly does nothing"
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """Whether one action is permitted in one backend, and why not."""

    backend: str
    action: str
    state: Literal["permitted", "missing", "unknown", "not checked"]
    why: str = ""


async def check(config: AwsConfig) -> Sequence[Line]:
    """Try all actions of the features that are enabled, in several regions at once."""
    made = list(backends(config, Clock()))

    async def tried(backend: AwsBackend) -> Sequence[Line]:
        if isinstance(backend, AwsCosts):
            line = await _try(backend.region, actions.COST, _day(backend.region.clock))
            return [replace(line, backend=backend.name)]
        assert isinstance(backend, AwsCompute)
        return await _region(config, backend)

    try:
        return [line for part in await together(tried, made) for line in part]
    finally:
        for backend in made:
            backend.region.account.close()


async def _region(config: AwsConfig, part: AwsCompute) -> Sequence[Line]:
    accounts = {account.name: account for account in config.accounts}
    on = features(config, accounts[part.name.partition("/")[0]]) - {"costs"}
    target = await _target(config, part)
    probes = _probes(target, part.region.clock)
    lines = []
    for action in declared():
        if action.feature not in on:
            continue
        if action in _ON_TARGET and not target:
            why = f"no instance with the tag {config.managed_tag} is known here"
            lines.append(Line(part.name, action.right, "not checked", why))
        elif action.changes and action not in probes:
            lines.append(Line(part.name, action.right, "not checked", _UNSAFE))
        else:
            lines.append(await _try(part.region, action, probes.get(action, {})))
    return lines


async def _target(config: AwsConfig, part: AwsCompute) -> str:
    """Return the id of an instance that may be changed; empty if none is found."""
    key, _, value = config.managed_tag.partition("=")
    try:
        page = await part.list(Query(tags={key: (value,)} if key else {}, states=Query.EXISTING))
    except Refusal:
        return ""
    return page.instances[0].id if page.instances else ""


def _probes(target: str, clock: Clock) -> Mapping[Action, Parameters]:
    """Return with which parameters each action is called."""
    metric = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}
    end = clock.now()
    dry = {"DryRun": True}
    return {
        actions.DESCRIBE: _FEW,
        actions.STATUS: _FEW,
        actions.PROTECTION: {"InstanceId": target, "Attribute": "disableApiStop"},
        **{action: {"InstanceIds": [target], **dry} for action in _POWER},
        **{action: {"Resources": [target], "Tags": _TAGS, **dry} for action in _TAGGING},
        actions.NODES: _FEW,
        actions.COMMANDS: {"MaxResults": 1},
        actions.INVOCATIONS: {"MaxResults": 1},
        actions.OUTPUT: {"CommandId": _NO_COMMAND, "InstanceId": _NO_INSTANCE},
        actions.CANCEL: {"CommandId": _NO_COMMAND},
        actions.LIST_METRICS: metric,
        actions.DATA: {
            "MetricDataQueries": [query(cpu(_NO_INSTANCE), "q", 300)],
            "StartTime": end - timedelta(minutes=5),
            "EndTime": end,
        },
    }


def _day(clock: Clock) -> Parameters:
    end = clock.now().date() - timedelta(days=UNFINISHED)
    return {
        "TimePeriod": {"Start": f"{end - timedelta(days=1)}", "End": f"{end}"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    }


async def _try(region: Region, action: Action, parameters: Parameters) -> Line:
    """Call an action; AWS decides on permissions before it looks for what a call is about."""
    name, right = region.name, action.right
    try:
        await region.attempt(action, 0, parameters)
    except Fault as fault:
        if fault.cause == "parameters":
            return Line(name, right, "not checked", "it cannot be called without parameters")
        refused = region.refused(fault, action)
        if isinstance(refused, PermissionDenied):
            return Line(name, right, "missing", refused.message)
        if fault.cause != "service" or fault.status >= _SERVER_ERROR or refused.retry_after:
            return Line(name, right, "unknown", refused.message)
    except Refusal as refused:
        return Line(name, right, "unknown", refused.message)
    return Line(name, right, "permitted")
