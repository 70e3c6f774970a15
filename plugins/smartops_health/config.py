"""The configuration section ``plugins.health``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration

_MINUTE = timedelta(minutes=1)
Percent = Annotated[float, Field(ge=0, le=100)]


class Threshold(BaseModel):
    """The thresholds of one metric."""

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
    """Thresholds of memory, with a higher default because caches fill it."""

    warning: Percent = Field(
        default=85,
        description="From this many percent on it is a warning.",
    )


class DiskThreshold(Threshold):
    """Thresholds of disks, by default effective at once: disks do not empty themselves."""

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
        description="How far back measurements are read, and the length of time trends compare.",
    )
    period: Duration = Field(
        default=timedelta(minutes=5),
        description="Interval of one averaged sample; whole minutes.",
    )
    stale_after: Duration = Field(
        default=timedelta(minutes=15),
        ge=_MINUTE,
        description="A running instance whose measurements are older than this is a warning.",
    )
    starting_limit: Duration = Field(
        default=timedelta(minutes=15),
        ge=_MINUTE,
        description="An instance that is pending for longer than this is a warning.",
    )
    launch_window: Duration = Field(
        default=timedelta(hours=24),
        ge=_MINUTE,
        description="How far back launches are counted as new instances.",
    )
    must_run: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Tags with values: a stopped instance with one of them is critical.",
    )
    max_issues: int = Field(
        default=25,
        ge=1,
        le=100,
        description="Maximum number of issues shown; others are only counted.",
    )
    max_series: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Maximum number of instances whose history of a metric is fetched.",
    )
    trend_sample: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Maximum number of instances from which trends are computed.",
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
