"""The configuration section ``plugins.instances``."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from smartops import Duration


class InstancesConfig(BaseModel):
    """Settings of the instances plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_size: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="Page size of `list instances`.",
    )
    max_targets: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Maximum number of instances of one start, stop or reboot.",
    )
    stale_after: Duration = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="Measurements older than this are shown with their age.",
    )
    usage_timeout: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="Timeout of measurements; a listing is then shown without them.",
    )
    follow: Duration = Field(
        default=timedelta(minutes=3),
        ge=timedelta(0),
        description="How long a start or stop is followed to its end; 0s for not at all.",
    )
    protected_tags: tuple[str, ...] = Field(
        default=(),
        description="Globs of tag keys that `tag` and `untag` may not change, "
        "in addition to those in rules.",
    )
    unprotected_tags: tuple[str, ...] = Field(
        default=(),
        description="Globs of tag keys that may be changed although a rule uses them.",
    )
