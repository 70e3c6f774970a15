"""Things that go wrong on purpose, as the configuration says."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Literal, NoReturn

import anyio

from smartops import (
    BackendUnavailable,
    Clock,
    InstanceNotFound,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
    Verb,
)

from .config import FaultConfig, Operation
from .errors import ModelFailed, RunnerUnavailable, Unforeseen
from .fleet import matches
from .index import Index

_VERBS: tuple[Verb, ...] = ("start", "stop", "reboot")
_OPERATIONS: tuple[Operation, ...] = (
    "ping",
    "list",
    "check",
    *_VERBS,
    "tag",
    "send",
    "results",
    "cancel",
    "latest",
    "series",
    "daily",
)

# What the caller wanted, and the right it needs for that.
_RIGHTS: dict[str, tuple[str, str]] = {
    "ping": ("reach the account", "sts:GetCallerIdentity"),
    "list": ("list instances", "ec2:DescribeInstances"),
    "check": ("change instances", "ec2:DescribeInstances"),
    "start": ("start instance", "ec2:StartInstances"),
    "stop": ("stop instance", "ec2:StopInstances"),
    "reboot": ("reboot instance", "ec2:RebootInstances"),
    "tag": ("tag instance", "ec2:CreateTags"),
    "send": ("run commands on instance", "ssm:SendCommand"),
    "results": ("read the results of commands", "ssm:ListCommandInvocations"),
    "cancel": ("cancel commands", "ssm:CancelCommand"),
    "latest": ("read metrics", "cloudwatch:GetMetricData"),
    "series": ("read metrics", "cloudwatch:GetMetricData"),
    "daily": ("read costs", "ce:GetCostAndUsage"),
}

_REFUSALS: dict[str, tuple[type[Refusal], str, str]] = {
    "PERMISSION_DENIED": (
        PermissionDenied,
        "Insufficient permissions to {wanted}",
        "Required IAM action: {right}",
    ),
    "RATE_LIMITED": (
        RateLimited,
        "The cloud is throttling requests",
        "RequestLimitExceeded: {right}",
    ),
    "INSTANCE_NOT_FOUND": (
        InstanceNotFound,
        "There is no instance {target}",
        "InvalidInstanceID.NotFound",
    ),
    "SSM_UNAVAILABLE": (
        RunnerUnavailable,
        "The SSM agent does not answer",
        "InvalidInstanceId: {target} is not connected to SSM",
    ),
    "BACKEND_UNAVAILABLE": (
        BackendUnavailable,
        "The cloud cannot be reached",
        "No answer to {right}",
    ),
    "VALIDATION_ERROR": (
        ValidationFailed,
        "The cloud refuses to {wanted}",
        "InvalidParameterValue: {right}",
    ),
    "BEDROCK_ERROR": (
        ModelFailed,
        "The language model is not available",
        "Check the model access in Bedrock",
    ),
}


class _Fault:
    """One configured fault, with what is left of it."""

    def __init__(self, told: FaultConfig, seed: str) -> None:
        self.told = told
        self._left = told.times
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def spent(self) -> bool:
        return self._left == 0

    def strikes(self) -> bool:
        if self.spent() or self._chance.random() >= self.told.probability:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The faults of a world; without any for an operation, asking costs a look-up."""

    def __init__(
        self, told: Sequence[FaultConfig], seed: str, clock: Clock, index: Index | None = None
    ) -> None:
        self._clock = clock
        self._index = index
        self._faults: dict[tuple[str, str], list[_Fault]] = {}
        for number, item in enumerate(told):
            fault = _Fault(item, f"{seed}/{number}")
            for operation in _expand(item.operations):
                self._faults.setdefault((operation, item.when), []).append(fault)

    def __contains__(self, operation: str) -> bool:
        return any(known == operation for known, _ in self._faults)

    async def before(self, operation: str, ids: Sequence[str] = ()) -> None:
        """Raise, wait or hang, if that was configured, before anything is done."""
        await self._strike(operation, "before", ids)

    async def after(self, operation: str, ids: Sequence[str] = ()) -> None:
        """Raise, wait or hang, if that was configured, once everything is done."""
        await self._strike(operation, "after", ids)

    def deny(self, verb: Verb | Literal["tag"], ids: Sequence[str]) -> None:
        """Raise if doing this for certain lacks a right; nothing is used up by asking."""
        for fault in self._faults.get((verb, "before"), ()):
            told = fault.told
            certain = told.code == "PERMISSION_DENIED" and told.probability == 1.0
            if certain and not fault.spent() and self._concerns(told, ids):
                _fail(told, verb, ids)

    async def _strike(self, operation: str, when: str, ids: Sequence[str]) -> None:
        for fault in self._faults.get((operation, when), ()):
            told = fault.told
            if not self._concerns(told, ids) or not fault.strikes():
                continue
            if told.delay:
                await self._clock.sleep(told.delay.total_seconds())
            if told.code == "TIMEOUT":
                await anyio.sleep_forever()
            if told.code is not None:
                _fail(told, operation, ids)

    def _concerns(self, told: FaultConfig, ids: Sequence[str]) -> bool:
        if told.instance == "*":
            return True
        machines = self._index.by_id if self._index else {}
        found = (machines.get(id_) for id_ in ids)
        return any(matches(told.instance, machine) for machine in found if machine)


def _expand(operations: Iterable[Operation]) -> set[str]:
    expanded: set[str] = set()
    for operation in operations:
        if operation == "*":
            expanded.update(_OPERATIONS)
        elif operation == "act":
            expanded.update(_VERBS)
        else:
            expanded.add(operation)
    return expanded


def _fail(told: FaultConfig, operation: str, ids: Sequence[str]) -> NoReturn:
    """Raise what the code of a fault stands for."""
    wanted, right = _RIGHTS.get(operation, (operation, operation))
    if told.code == "INTERNAL_ERROR":
        raise Unforeseen(told.message or f"injected into {operation}: this is for the log only")
    kind, message, details = _REFUSALS[told.code or "BACKEND_UNAVAILABLE"]
    words = {"wanted": wanted, "right": right, "target": ids[0] if ids else "the instance"}
    raise kind(
        told.message or message.format(**words),
        details=told.details or details.format(**words),
        retry_after=told.retry_after if kind is RateLimited else None,
    )
