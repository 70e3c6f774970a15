"""Injected faults, as configured, and the refusals that stand for those of real services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import anyio

from smartops import (
    BackendUnavailable,
    Clock,
    InstanceNotFound,
    InterpreterFailed,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)

from .config import FaultConfig, Operation
from .machines import Machine

# What the caller wanted, and the permission it needs for that.
_RIGHTS: dict[Operation, tuple[str, str]] = {
    "list": ("list instances", "ec2:DescribeInstances"),
    "start": ("start instance", "ec2:StartInstances"),
    "stop": ("stop instance", "ec2:StopInstances"),
    "reboot": ("reboot instance", "ec2:RebootInstances"),
    "tag": ("tag instance", "ec2:CreateTags"),
    "send": ("run commands on instance", "ssm:SendCommand"),
    "latest": ("read metrics", "cloudwatch:GetMetricData"),
    "daily": ("read costs", "ce:GetCostAndUsage"),
}


class RunnerUnavailable(BackendUnavailable):
    """The agent that runs scripts on an instance does not answer."""

    code = "SSM_UNAVAILABLE"


class ModelFailed(InterpreterFailed):
    """The language model did not answer."""

    code = "BEDROCK_ERROR"


class Unforeseen(Exception):
    """Stands for a bug in a backend: not a refusal, so its text must stay in the log."""


_REFUSALS: dict[str, tuple[type[Refusal], str]] = {
    "PERMISSION_DENIED": (PermissionDenied, "Insufficient permissions to {wanted}"),
    "RATE_LIMITED": (RateLimited, "The cloud is throttling requests"),
    "INSTANCE_NOT_FOUND": (InstanceNotFound, "There is no instance {target}"),
    "SSM_UNAVAILABLE": (RunnerUnavailable, "The SSM agent does not answer"),
    "BACKEND_UNAVAILABLE": (BackendUnavailable, "The cloud cannot be reached"),
    "VALIDATION_ERROR": (ValidationFailed, "The cloud refuses to {wanted}"),
    "BEDROCK_ERROR": (ModelFailed, "The language model is not available"),
}


@dataclass(slots=True)
class _Fault:
    """A configured fault, and how many times it still applies (None: always)."""

    config: FaultConfig
    left: int | None

    def concerns(self, operation: Operation) -> bool:
        """Return True if it is configured for an operation and still applies."""
        configured = self.config.operation
        names = {configured} if isinstance(configured, str) else {*configured}
        everything = "*" in names and operation != "interpret"
        verb = "act" in names and operation in ("start", "stop", "reboot")
        return self.left != 0 and (everything or verb or operation in names)


class Faults:
    """The faults of a cloud. ``find`` looks an instance up, for faults of some instances only."""

    def __init__(
        self, configs: Iterable[FaultConfig], clock: Clock, find: Callable[[str], Machine | None]
    ) -> None:
        self._faults = [_Fault(config, config.times) for config in configs]
        self._clock = clock
        self._find = find

    def __contains__(self, operation: Operation) -> bool:
        return any(fault.concerns(operation) for fault in self._faults)

    @asynccontextmanager
    async def around(self, operation: Operation, ids: Sequence[str] = ()) -> AsyncIterator[None]:
        """Fail, wait or hang, if that is configured, before or after the body."""
        await self._apply(operation, "before", ids)
        yield
        await self._apply(operation, "after", ids)

    def deny(self, verb: Operation, ids: Sequence[str]) -> None:
        """Raise if the next call would be refused for want of a permission; this does not count."""
        for fault in self._matching(verb, "before", ids):
            if fault.config.code == "PERMISSION_DENIED":
                _fail(fault.config, verb, ids)

    async def _apply(self, operation: Operation, when: str, ids: Sequence[str]) -> None:
        for fault in self._matching(operation, when, ids):
            fault.left = fault.left and fault.left - 1
            if fault.config.delay:
                await self._clock.sleep(fault.config.delay.total_seconds())
            if fault.config.code == "TIMEOUT":
                await anyio.sleep_forever()
            if fault.config.code is not None:
                _fail(fault.config, operation, ids)

    def _matching(self, operation: Operation, when: str, ids: Sequence[str]) -> Iterator[_Fault]:
        for fault in self._faults:
            if fault.config.when == when and fault.concerns(operation):
                glob = fault.config.instance
                if glob == "*" or any(item.matches(glob) for item in map(self._find, ids) if item):
                    yield fault


def _fail(config: FaultConfig, operation: Operation, ids: Sequence[str]) -> NoReturn:
    wanted, right = _RIGHTS.get(operation, ("use the cloud", "sts:GetCallerIdentity"))
    if config.code == "INTERNAL_ERROR":
        raise Unforeseen(config.message or f"injected into {operation}: this is for the log only")
    kind, message = _REFUSALS[config.code or "BACKEND_UNAVAILABLE"]
    needed = f"Required IAM action: {right}" if kind is PermissionDenied else None
    raise kind(
        config.message or message.format(wanted=wanted, target=ids[0] if ids else "of that id"),
        details=config.details or needed,
        retry_after=config.retry_after if kind is RateLimited else None,
    )
