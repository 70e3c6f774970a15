"""The configuration section ``plugins.guardrails``."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from smartops import Duration
from smartops.guards import Conditions, CronText, TimeZone

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
Reason = Annotated[str, Field(min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FreezeSettings(_Section):
    """One freeze: from and until, or a cron expression and how long it lasts each time."""

    name: str = Field(description="Named in the refusal.")
    scope: str = Field(description="What is frozen: one of scopes.")
    reason: Reason = Field(description="Shown in the refusal.")
    start: AwareDatetime | None = Field(
        default=None, alias="from", description="When it begins, with an offset."
    )
    until: AwareDatetime | None = Field(default=None, description="When it ends, with an offset.")
    cron: CronText | None = Field(
        default=None, description="When it begins each time, in five fields."
    )
    duration: Duration | None = Field(
        default=None,
        ge=timedelta(minutes=1),
        le=timedelta(days=366),
        description="How long it lasts each time, in elapsed time.",
    )
    timezone: TimeZone | None = Field(
        default=None, description="Time zone of cron; that of the plugin by default."
    )
    except_roles: tuple[str, ...] = Field(default=(), description="Roles that it does not bind.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        dates, cron = (self.start, self.until), (self.cron, self.duration)
        if not (all(dates) and not any(cron)) and not (all(cron) and not any(dates)):
            raise ValueError("needs either from: and until:, or cron: and duration:")
        if self.start and self.until and self.until <= self.start:
            raise ValueError("until: is not after from:")
        return self


class LimitSettings(_Section):
    """How many instances may be changed; counts are of different instances, over all replicas."""

    name: str = Field(description="Named in the refusal.")
    scope: str = Field(description="Which changes count: one of scopes.")
    per_change: int | None = Field(
        default=None, ge=1, description="Maximum number of instances of one change."
    )
    per_hour: int | None = Field(
        default=None, ge=1, le=1000, description="Maximum number of instances within an hour."
    )
    share: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Maximum percentage of a group within an hour; one instance is always allowed.",
    )
    group: str = Field(
        default="", description="Key of the tag whose values make the groups of share."
    )
    approval_roles: tuple[str, ...] = Field(
        default=(), description="Roles whose approval lifts the limit; without any it is refused."
    )
    approvals: int = Field(default=1, ge=1, description="How many people must approve.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if (self.share is None) != (not self.group):
            raise ValueError("share: and group: belong together")
        if not any((self.per_change, self.per_hour, self.share)):
            raise ValueError("needs per_change:, per_hour: or share:")
        return self


class GuardrailsConfig(_Section):
    """Settings of the guardrails plugin."""

    timezone: TimeZone = Field(default="UTC", description="Time zone of times without an offset.")
    scopes: dict[str, Conditions] = Field(
        default_factory=dict,
        description="What can be frozen or limited, by name: the conditions of rules. Without "
        "effects they are about changes only.",
    )
    freezes: tuple[FreezeSettings, ...] = Field(
        default=(), description="Freezes that only this file can lift."
    )
    limits: tuple[LimitSettings, ...] = Field(
        default=(), description="How many instances may be changed."
    )
    may_lift: tuple[str, ...] = Field(
        default=(), description="Roles that may lift the freezes and locks of others."
    )

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @model_validator(mode="after")
    def _scopes_exist(self) -> Self:
        named: list[Any] = [*self.freezes, *self.limits]
        for name in (*self.scopes, *(item.name for item in named)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name[:40]!r} is no name: use letters, digits, dots, - and _")
        for item in named:
            if item.scope not in self.scopes:
                raise ValueError(f"{item.name} has the scope {item.scope}, which is not in scopes")
        names = [item.name for item in named]
        if len(names) != len(set(names)):
            raise ValueError("two freezes or limits have one name")
        return self
