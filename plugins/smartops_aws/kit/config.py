"""Parts of the configuration of plugins that call AWS."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from smartops import Duration, channels

RoleArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$"),
]

_REGION = re.compile(
    r"[a-z]{2,4}(-[a-z]+)?-(central|east|west|(north|south)(east|west)?)-\d{1,2}", re.ASCII
)
"""How AWS names regions. There is no list of them, since AWS opens new ones."""


def _region(name: str) -> str:
    if _REGION.fullmatch(name):
        return name
    raise ValueError(f"there is no region {name}; they have names such as eu-central-1")


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password")
    if not url or (parts.scheme == "https" and parts.hostname):
        return url
    if parts.scheme == "http" and is_loopback(url):
        return url
    raise ValueError("must be an https:// URL, or http:// on a loopback address")


RegionName = Annotated[str, AfterValidator(_region)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return channels.is_loopback(urlsplit(url).hostname or "")


def partition_of(region: str) -> str:
    """Return ``aws``, ``aws-cn`` or ``aws-us-gov``: what the ARNs in a region begin with."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


class Section(BaseModel):
    """A section of the configuration, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CredentialsConfig(Section):
    """With which credentials AWS is called."""

    profile: str = Field(
        default="",
        description="Profile of the AWS configuration files to begin with; else the usual chain.",
    )
    role: RoleArn | None = Field(
        default=None,
        description="ARN of the role to assume; without it SmartOps acts as itself.",
    )
    external_id: str = Field(
        default="",
        max_length=1224,
        description="What the role's trust policy demands as sts:ExternalId.",
    )

    @model_validator(mode="after")
    def _has_a_role_for_its_id(self) -> Self:
        if self.external_id and not self.role:
            raise ValueError("external_id belongs to a role")
        return self


class ConnectionLimits(Section):
    """How long AWS may take, and how much is asked at once."""

    connect: Duration = Field(
        default=timedelta(seconds=3),
        gt=timedelta(0),
        description="How long a connection may take to be made.",
    )
    read: Duration = Field(
        default=timedelta(seconds=15),
        gt=timedelta(0),
        description="How long an answer may take.",
    )
    threads: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Calls under way at once to one service in one region of one account.",
    )
