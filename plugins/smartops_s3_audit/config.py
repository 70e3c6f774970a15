"""What the section ``plugins.s3_audit`` may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from smartops import Duration
from smartops_aws.kit import ConnectionLimits, CredentialsConfig, Endpoint, RegionName

Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!_.*'()/-]*$", max_length=200)]


class S3AuditConfig(CredentialsConfig):
    """The section of the plugin."""

    bucket: Bucket = Field(description="Bucket with versioning and object lock; required.")
    region: RegionName = Field(description="Its region; required.")
    folder: Folder = Field(default="smartops/", description="What the keys begin with.")
    mode: Literal["compliance", "governance"] = Field(
        default="compliance",
        description="compliance: locked for everyone; governance: who may bypass it can delete.",
    )
    retain: Duration = Field(
        default=timedelta(days=365), gt=timedelta(0), description="How long objects are locked."
    )
    endpoint: Endpoint = Field(default="", description="URL of S3; normally that of the region.")
    limits: ConnectionLimits = Field(
        default=ConnectionLimits(), description="How long S3 may take, and how much is asked."
    )
