"""What the section ``plugins.health`` may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration

_MINUTE = timedelta(minutes=1)
Percent = Annotated[float, Field(ge=0, le=100)]


class Threshold(BaseModel):
    """When a measurement is worth a word."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warning: Percent = Field(
        default=80,
        description="From this many percent on it is a warning.",
    )
    critical: Percent = Field(
        default=95,
        description="From this many percent on it is critical.",
    )
    sustained: Duration = Field(
        default=timedelta(minutes=15),
        ge=timedelta(0),
        description="Only if it has been so for this long until now; 0s for at once.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warning > self.critical:
            raise ValueError("warning is above critical")
        return self


class MemoryThreshold(Threshold):
    """Memory is used on purpose, so it may be fuller."""

    warning: Percent = Field(
        default=85,
        description="From this many percent on it is a warning.",
    )


class DiskThreshold(Threshold):
    """A disk does not empty itself, so there is nothing to wait for."""

    critical: Percent = Field(
        default=90,
        description="From this many percent on it is critical.",
    )
    sustained: Duration = Field(
        default=timedelta(0),
        ge=timedelta(0),
        description="Only if it has been so for this long until now; 0s for at once.",
    )


class HealthConfig(BaseModel):
    """Settings of the health plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: Threshold = Field(
        default=Threshold(),
        description="Thresholds of CPU usage.",
    )
    memory: MemoryThreshold = Field(
        default=MemoryThreshold(),
        description="Thresholds of memory usage.",
    )
    disk: DiskThreshold = Field(
        default=DiskThreshold(),
        description="Thresholds of disk usage.",
    )
    window: Duration = Field(
        default=timedelta(hours=1),
        description="How far back measurements are looked at, and the length that trends compare.",
    )
    period: Duration = Field(
        default=timedelta(minutes=5),
        description="Length of one averaged point; whole minutes.",
    )
    stale_after: Duration = Field(
        default=timedelta(minutes=15),
        ge=_MINUTE,
        description="A running instance without newer measurements than this is a warning.",
    )
    starting_limit: Duration = Field(
        default=timedelta(minutes=15),
        ge=_MINUTE,
        description="An instance that is pending for longer than this is a warning.",
    )
    launch_window: Duration = Field(
        default=timedelta(hours=24),
        ge=_MINUTE,
        description="How far back launches count for the change of the number of instances.",
    )
    must_run: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Tags with values: an instance that has one of them and is off is critical.",
    )
    max_issues: int = Field(
        default=25,
        ge=1,
        le=100,
        description="Issues shown; the rest is counted.",
    )
    max_series: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="For how many suspects a metric's history is fetched.",
    )
    trend_sample: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="From how many instances trends are computed.",
    )
    batch: int = Field(
        default=150,
        ge=1,
        le=500,
        description="Instances in one request for measurements.",
    )
    parallel: int = Field(
        default=4,
        ge=1,
        le=20,
        description="Requests for measurements at one time.",
    )

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        if self.period < _MINUTE or self.period % _MINUTE:
            raise ValueError("period must be whole minutes, at least one")
        if self.window < self.period:
            raise ValueError("window is shorter than period")
        for name in ("cpu", "memory", "disk"):
            if getattr(self, name).sustained > self.window:
                raise ValueError(f"{name}.sustained is longer than window")
        return self
