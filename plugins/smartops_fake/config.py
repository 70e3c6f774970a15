"""The model of the section ``plugins.fake`` of the configuration.

Durations that say when something began (``age``, ``since``) count back from the
first start of the cloud, which the state file records.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from smartops import Duration
from smartops.backends import Metric

Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
NotNegative = Annotated[Duration, Field(ge=timedelta(0))]
InstanceId = Annotated[str, Field(pattern=r"^i-[0-9A-Za-z-]+$", max_length=64)]
_Refusal = Literal["PERMISSION_DENIED", "RATE_LIMITED", "INSTANCE_NOT_FOUND", "VALIDATION_ERROR"]
_Failure = Literal["SSM_UNAVAILABLE", "BACKEND_UNAVAILABLE", "BEDROCK_ERROR"]
_Read = Literal["ping", "list", "conditions", "check", "results", "latest", "series", "daily"]
_Effect = Literal["act", "start", "stop", "reboot", "tag", "send", "cancel"]
Code = Literal[_Refusal, _Failure, "TIMEOUT", "INTERNAL_ERROR"]
Operation = Literal["*", _Read, _Effect, "interpret"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class InstanceConfig(_Section):
    """One configured instance."""

    id: InstanceId | None = Field(default=None, description="from seed and name if left out")
    name: str = Field(description="the Name tag; several instances may share it")
    type: str = Field(default="t3.medium", description="family and size, such as m5.large")
    platform: Literal["linux", "windows"] = "linux"
    state: Literal["running", "stopped", "terminated"] = Field(
        default="running", description="the state at the first start"
    )
    private_ip: str = Field(default="", description="derived from the seed if left out")
    public_ip: str = Field(default="", description="none if left out")
    tags: dict[str, str] = Field(default={}, description="tags besides Name")
    age: Positive | None = Field(default=None, description="time since launch, at the first start")
    state_reason: str = Field(default="", description="why it is stopped or terminated")
    falls_back: str = Field(
        default="", description="why a start of it ends as stopped again; it starts if left out"
    )
    failed_checks: tuple[str, ...] = Field(
        default=(), description="failed status checks, such as 'system status check'"
    )
    events: tuple[str, ...] = Field(
        default=(), description="events scheduled for three days after the first start"
    )
    spot: bool = Field(default=False, description="true: it runs on spare capacity")
    protected: bool = Field(default=False, description="true: stopping it is refused")
    agent: Literal["online", "offline", "missing"] = Field(
        default="online",
        description="offline: a script ends as unreachable; missing: sending is refused",
    )
    cpu: Percent | None = Field(default=None, description="its usual level; drawn if left out")
    memory: Percent | None = Field(default=None, description="its usual level; drawn if left out")
    disk: Percent | None = Field(default=None, description="its usual level; drawn if left out")


class IncidentConfig(_Section):
    """A metric that leaves its usual level."""

    instance: str = Field(description="id or name; * and ? are wildcards")
    metric: Metric
    value: Percent = Field(description="the level it reaches")
    since: NotNegative = Field(description="it began this long before the first start")
    ramp: NotNegative = Field(default=timedelta(0), description="time to reach the level")
    cured_by_restart: bool = Field(default=False, description="a reboot or a start ends it")


class ScriptConfig(_Section):
    """The canned output of a script. The first pattern that matches the whole script wins."""

    pattern: re.Pattern[str] = Field(description="regular expression for the whole script")
    instance: str = Field(default="*", description="id or name; * and ? are wildcards")
    output: str = ""
    errors: str = ""
    exit_code: int = Field(default=0, ge=0, le=255)
    seconds: float = Field(default=0.4, ge=0, le=86400, description="how long it runs")


class FaultConfig(_Section):
    """An injected fault. Without a code it is only a delay."""

    operation: Operation | tuple[Operation, ...] = Field(
        description="act means start, stop and reboot; * means everything but interpret"
    )
    code: Code | None = None
    instance: str = Field(default="*", description="id or name; * and ? are wildcards")
    times: int | None = Field(default=None, ge=1, description="how often; always if left out")
    when: Literal["before", "after"] = Field(
        default="before", description="after: the effect has happened, only the answer is lost"
    )
    delay: NotNegative = Field(default=timedelta(0), description="wait this long first")
    retry_after: int = Field(default=5, ge=1, description="seconds, sent with RATE_LIMITED")
    message: str = ""
    details: str = ""


class TransitionsConfig(_Section):
    """How long changes of state take."""

    start: NotNegative = timedelta(seconds=6)
    stop: NotNegative = timedelta(seconds=8)
    reboot: NotNegative = timedelta(seconds=15)


class FakeConfig(_Section):
    """The whole cloud."""

    name: str = Field(default="fake", pattern=r"^[A-Za-z0-9][\w./-]*$", max_length=64)
    seed: str = Field(default="smartops", description="the same seed makes the same cloud")
    instances: int = Field(default=0, ge=0, le=100_000, description="generated, besides the fleet")
    trouble: float = Field(default=0.02, ge=0, le=1, description="share of those with an incident")
    fleet: tuple[InstanceConfig, ...] = Field(default=(), description="configured instances")
    incidents: tuple[IncidentConfig, ...] = ()
    scripts: tuple[ScriptConfig, ...] = ()
    faults: tuple[FaultConfig, ...] = ()
    phrases: dict[str, str] = Field(default={}, description="free text and the command for it")
    transitions: TransitionsConfig = TransitionsConfig()
    state_file: Path | None = Field(
        default=None, description="a JSON file with the state, for restarts"
    )
