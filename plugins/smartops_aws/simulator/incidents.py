"""What a scenario says about refusals, faults and bills."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refusal(_Section):
    """Something that IAM does not allow.

    ``action`` is a pattern of IAM actions, such as ``ec2:Stop*``.
    ``unless_tags`` allows it for what carries all of these tags. ``worded``
    chooses among the texts that EC2 has.
    """

    action: str
    account: str = "*"
    region: str = "*"
    resource: str = Field(default="*", description="pattern of the resource's ARN")
    unless_tags: Mapping[str, str] = {}
    because: Literal["implicit", "explicit", "scp"] = "implicit"
    worded: Literal["full", "blob", "bare"] = "full"


class Faults(_Section):
    """Something that goes wrong on the way.

    ``drop`` ends the connection before anything is done, ``lose`` after it was done,
    and ``hang`` never answers. ``times`` None means always. ``after`` lets as many calls
    through before.
    """

    action: str = "*"
    account: str = "*"
    region: str = "*"
    kind: Literal["throttle", "error", "slow", "drop", "lose", "hang"]
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    code: str = "InternalFailure"
    message: str = "The request processing has failed because of an unknown error."
    status: int = Field(default=500, ge=400, le=599)
    delay: Duration = Field(default=timedelta(0), description="how slow; given with slow")

    @model_validator(mode="after")
    def _slow_has_a_delay(self) -> Self:
        if (self.kind == "slow") != (self.delay > timedelta(0)):
            raise ValueError("delay goes with the kind slow, and slow with a delay")
        return self


class Bill(_Section):
    """What an account costs: per day today, and how much more each week, as a share."""

    daily: float = Field(default=48.0, ge=0)
    growth: float = Field(default=0.02, gt=-1)
    weekend: float = Field(default=0.8, ge=0, description="a day of the weekend, to another day")
    days: Mapping[date, float] = Field(default={}, description="days that cost otherwise")
    services: Mapping[str, float] = Field(
        default={
            "Amazon Elastic Compute Cloud - Compute": 0.62,
            "EC2 - Other": 0.21,
            "AmazonCloudWatch": 0.11,
            "AWS Systems Manager": 0.06,
        },
        description="shares of the services",
    )
