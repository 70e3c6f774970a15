"""What the section ``plugins.instances`` may hold."""

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
        description="Rows of `list instances` in one answer.",
    )
    max_targets: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="How many instances one start, stop or reboot may name.",
    )
    stale_after: Duration = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="Measurements older than this are shown with their age.",
    )
    usage_timeout: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How long a listing waits for measurements before it comes without.",
    )
    protected_tags: tuple[str, ...] = Field(
        default=(),
        description="Globs of tag keys that `tag` and `untag` refuse to touch, "
        "besides those that a rule looks at.",
    )
    unprotected_tags: tuple[str, ...] = Field(
        default=(),
        description="Globs of tag keys that may be changed although a rule looks at them.",
    )
