"""What the section ``plugins.fake`` of the configuration holds.

Durations that say *when* something began count back from the founding of the
cloud: the first start with an empty journal, or this start if there is none.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from smartops import Duration, Metric, State

Percent = Annotated[float, Field(ge=0, le=100)]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
NotNegative = Annotated[Duration, Field(ge=timedelta(0))]
InstanceId = Annotated[str, StringConstraints(pattern=r"^i-[0-9A-Za-z-]+$", max_length=64)]
ServiceState = Literal["active", "inactive", "failed"]
Code = Literal[
    "PERMISSION_DENIED",
    "RATE_LIMITED",
    "INSTANCE_NOT_FOUND",
    "SSM_UNAVAILABLE",
    "BACKEND_UNAVAILABLE",
    "VALIDATION_ERROR",
    "BEDROCK_ERROR",
    "TIMEOUT",
    "INTERNAL_ERROR",
]
Operation = Literal[
    "*",
    "ping",
    "list",
    "check",
    "act",
    "start",
    "stop",
    "reboot",
    "tag",
    "send",
    "results",
    "cancel",
    "latest",
    "series",
    "daily",
    "interpret",
]


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class InstanceConfig(_Section):
    """One instance, written out."""

    id: InstanceId | None = Field(
        default=None, description="i-…; made from the seed and name if left out"
    )
    name: str = Field(description="the Name tag; several instances may share it")
    type: str = Field(default="t3.medium", description="family and size, such as m5.large")
    platform: Literal["linux", "windows"] = "linux"
    state: State = Field(default="running", description="the state at the founding")
    private_ip: str = Field(default="", description="made from the seed if left out")
    public_ip: str = Field(
        default="", description="kept while the instance is stopped; none if left out"
    )
    tags: dict[str, str] = Field(default_factory=dict, description="tags besides Name")
    age: Positive | None = Field(default=None, description="launched this long before the founding")
    protected: bool = Field(default=False, description="whether it refuses to be stopped")
    agent: Literal["online", "offline", "missing"] = Field(
        default="online",
        description="offline: what is sent ends as unreachable; missing: sending is refused",
    )
    services: dict[str, ServiceState] = Field(
        default_factory=dict, description="units besides those of its role, or their state"
    )
    measures: tuple[Metric, ...] = Field(
        default=("cpu", "memory", "disk"), description="the metrics that exist for it"
    )
    cpu: Percent | None = Field(
        default=None, description="its usual level by day; from its role if None"
    )
    memory: Percent | None = Field(
        default=None, description="its usual level; from its role if None"
    )
    disk: Percent | None = Field(default=None, description="its usual level; from its role if None")

    @field_validator("tags")
    @classmethod
    def _unnamed(cls, tags: dict[str, str]) -> dict[str, str]:
        if "Name" in tags:
            raise ValueError("write the tag Name as name")
        return tags


class IncidentConfig(_Section):
    """A metric that leaves its usual course."""

    instance: str = Field(description="id or name; * and ? are wildcards")
    metric: Metric
    value: Percent = Field(description="the level it reaches")
    since: NotNegative = Field(description="it began this long before the founding")
    ramp: NotNegative = Field(
        default=timedelta(0), description="it takes this long to reach the level"
    )
    lasts: Positive | None = Field(default=None, description="it ends by itself after this time")
    cured_by_restart: bool = Field(
        default=False, description="a reboot, or stop and start, ends it"
    )


class ScriptConfig(_Section):
    """What a script answers. The first pattern that matches the whole script wins."""

    pattern: Annotated[str, AfterValidator(_regex)] = Field(description="regular expression")
    instance: str = Field(default="*", description="id or name; * and ? are wildcards")
    output: str = ""
    errors: str = ""
    exit_code: int = Field(default=0, ge=0, le=255)
    seconds: float = Field(default=0.4, ge=0, le=86400, description="how long it runs")
    repeat: int = Field(default=1, ge=1, le=100_000, description="how often the output comes")


class FaultConfig(_Section):
    """Something that goes wrong on purpose. Without a code it is only a delay."""

    operation: Operation | tuple[Operation, ...] = Field(
        description="act means start, stop and reboot; * means everything but interpret"
    )
    code: Code | None = None
    instance: str = Field(
        default="*", description="id or name of an instance concerned; may be a glob"
    )
    probability: float = Field(default=1.0, ge=0, le=1)
    times: int | None = Field(
        default=None, ge=1, description="strikes this often, then never again"
    )
    when: Literal["before", "after"] = Field(
        default="before", description="after: the effect has happened, and only the answer is lost"
    )
    delay: NotNegative = Field(default=timedelta(0), description="wait this long first")
    retry_after: int = Field(default=5, ge=1, description="seconds, told with RATE_LIMITED")
    message: str = ""
    details: str = ""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations as they are written, one or several."""
        return (self.operation,) if isinstance(self.operation, str) else self.operation

    @model_validator(mode="after")
    def _fits(self) -> Self:
        asks_model = "interpret" in self.operations
        if self.code == "BEDROCK_ERROR" and self.operations != ("interpret",):
            raise ValueError("BEDROCK_ERROR is for operation interpret alone")
        if asks_model and self.code not in (None, "BEDROCK_ERROR", "TIMEOUT", "INTERNAL_ERROR"):
            raise ValueError("interpret fails with BEDROCK_ERROR, TIMEOUT or INTERNAL_ERROR")
        return self


class TransitionsConfig(_Section):
    """How long changes of state take; each instance strays a fifth from it."""

    start: NotNegative = timedelta(seconds=6)
    stop: NotNegative = timedelta(seconds=8)
    reboot: NotNegative = timedelta(seconds=15)


class CostsConfig(_Section):
    """What the cloud charges."""

    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] = "USD"
    growth: float = Field(
        default=0.003, ge=0, le=0.1, description="share added to the bill each day"
    )


class FakeConfig(_Section):
    """The whole cloud."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w./-]*$", max_length=64)] = (
        Field(default="fake", description="what the backend is called")
    )
    seed: str = Field(default="smartops", description="the same seed makes the same cloud")
    instances: int = Field(default=0, ge=0, le=100_000, description="made up besides the fleet")
    trouble: float = Field(
        default=0.02, ge=0, le=1, description="share of the made-up instances with something wrong"
    )
    fleet: tuple[InstanceConfig, ...] = Field(default=(), description="instances written out")
    incidents: tuple[IncidentConfig, ...] = ()
    scripts: tuple[ScriptConfig, ...] = ()
    output_limit: int | None = Field(
        default=None,
        ge=1,
        description="characters kept of what a script prints, and of its errors; all if left out",
    )
    faults: tuple[FaultConfig, ...] = ()
    phrases: dict[str, str] = Field(
        default_factory=dict, description="free text and the command it is understood as"
    )
    transitions: TransitionsConfig = TransitionsConfig()
    costs: CostsConfig = CostsConfig()
    journal: Path | None = Field(
        default=None, description="file of accepted changes, which the cloud outlives a restart by"
    )

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        seen: set[str] = set()
        for item in self.fleet:
            if item.id in seen:
                raise ValueError(f"two instances of the fleet have the id {item.id}")
            if item.id:
                seen.add(item.id)
        return self
