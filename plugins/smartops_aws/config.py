"""What the section ``plugins.aws`` may hold."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from smartops import Duration

from .template import Template

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)

AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
RoleArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}$"),
]

_REGION = re.compile(
    r"[a-z]{2,4}(-[a-z]+)?-(central|east|west|(north|south)(east|west)?)-\d{1,2}", re.ASCII
)
"""How AWS names regions. Which there are is not held against a list, since new ones are opened."""


def _region(name: str) -> str:
    if _REGION.fullmatch(name):
        return name
    raise ValueError(f"there is no region {name}; they have names such as eu-central-1")


RegionName = Annotated[str, AfterValidator(_region)]


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or a password")
    if not url or (parts.scheme == "https" and parts.hostname):
        return url
    if parts.scheme == "http" and is_loopback(url):
        return url
    raise ValueError("must be an https:// URL, or http:// on a loopback address")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountConfig(_Section):
    """An account and the regions of it that are operated."""

    name: AccountName = Field(
        description="What the account is called; its backends are NAME/REGION.",
    )
    account: AccountId | None = Field(
        default=None,
        description="The account's number, in quotes. It may be left out where role: holds it.",
    )
    role: RoleArn | None = Field(
        default=None,
        description="ARN of the role to assume there; without it SmartOps acts as itself.",
    )
    external_id: str = Field(
        default="",
        max_length=1224,
        description="What the role's trust policy demands as sts:ExternalId.",
    )
    profile: str = Field(
        default="",
        description="Profile of the AWS configuration files to begin with; else the usual chain.",
    )
    regions: tuple[RegionName, ...] = Field(
        min_length=1,
        description="The regions, such as eu-central-1.",
    )
    costs: bool = Field(
        default=True,
        description="Whether the bill of this account is asked for.",
    )

    @property
    def number(self) -> str:
        """The twelve digits of the account."""
        return self.account or (self.role or ":::::").split(":")[4]

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``: what the ARNs of the account begin with."""
        region = self.regions[0]
        if region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if region.startswith("us-gov-") else "aws"

    def backend(self, region: str) -> str:
        """Return the name of the backend of a region."""
        return f"{self.name}/{region}"

    @model_validator(mode="after")
    def _is_one_account(self) -> Self:
        if not self.number:
            raise ValueError("needs account: (twelve digits in quotes) or role:")
        if self.role and self.number not in self.role.split(":"):
            raise ValueError("role is in another account than account")
        if self.external_id and not self.role:
            raise ValueError("external_id belongs to a role")
        if len(set(self.regions)) < len(self.regions):
            raise ValueError("a region is named twice")
        return self


class DocumentConfig(_Section):
    """A Command document of yours, and the scripts that are run by it."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_\-.:/]{3,128}$")] = Field(
        description="The document's name, or its ARN if another account shares it.",
    )
    script: str = Field(
        min_length=1,
        description="The script it stands for; {placeholders} are the document's parameters.",
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Regular expressions that the values of parameters must match in full.",
    )
    platforms: tuple[Literal["linux", "windows"], ...] = Field(
        default=("linux",),
        min_length=1,
        description="What the document runs on.",
    )
    timeout_parameter: str = Field(
        default="executionTimeout",
        description="The document's parameter for the time limit in seconds; empty if it has none.",
    )

    @property
    def compiled(self) -> Template:
        """What scripts are matched against."""
        return Template(self.script, self.parameters)

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if self.timeout_parameter in self.compiled.names:
            raise ValueError(f"{self.timeout_parameter} is the time limit, not a placeholder")
        return self


class RunnerConfig(_Section):
    """Remote execution by SSM Run Command."""

    enabled: bool = Field(default=True, description="Whether scripts can be run at all.")
    raw_scripts: bool = Field(
        default=False,
        description="Whether scripts that no document stands for may be sent as text, as root.",
    )
    documents: tuple[DocumentConfig, ...] = Field(
        default=(),
        description="Command documents for the scripts that may be run; the first match is used.",
    )
    poll: Duration = Field(
        default=_SECOND,
        ge=timedelta(milliseconds=50),
        description="The shortest time between two looks at one command.",
    )


class MetricsConfig(_Section):
    """CloudWatch."""

    enabled: bool = Field(default=True, description="Whether CloudWatch is asked, which it bills.")
    cache: Duration = Field(
        default=_MINUTE,
        ge=timedelta(0),
        description="How long measurements are remembered.",
    )
    discovery: Duration = Field(
        default=timedelta(hours=1),
        ge=_MINUTE,
        description="How long it is remembered what the CloudWatch agent measures on an instance.",
    )
    agent_namespace: str = Field(
        default="CWAgent",
        description="The namespace that the CloudWatch agent writes to.",
    )
    filesystems: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How many file systems of an instance are asked about; the fullest is shown.",
    )


class CostsConfig(_Section):
    """Cost Explorer."""

    enabled: bool = Field(default=True, description="Whether bills are asked for, at $0.01 each.")
    cache: Duration = Field(
        default=timedelta(hours=12),
        ge=timedelta(hours=8),
        description="How long a bill is remembered; AWS makes a new one three times a day.",
    )
    organization: bool = Field(
        default=False,
        description="In a management account: the bill of the whole organization.",
    )
    region: str = Field(
        default="",
        description="Where Cost Explorer is asked; us-east-1, or cn-northwest-1 in China.",
    )


class LimitsConfig(_Section):
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
    wait: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="How long a call may wait for its turn before it is refused as too many.",
    )
    threads: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Calls under way at once in one region of one account.",
    )


class AwsConfig(_Section):
    """Settings of the aws plugin."""

    accounts: tuple[AccountConfig, ...] = Field(
        min_length=1,
        description="The accounts, each with its regions.",
    )
    changes: bool = Field(
        default=True,
        description="Whether instances may be started, stopped and rebooted.",
    )
    tagging: bool = Field(default=True, description="Whether tags may be set and removed.")
    managed_tag: str = Field(
        default="smartops=managed",
        pattern=r"^([^=]{1,128}=.{0,256})?$",
        description="The tag that marks what may be changed, in the policy that "
        "`smartops aws policy` prints; empty for everything.",
    )
    runner: RunnerConfig = RunnerConfig()
    metrics: MetricsConfig = MetricsConfig()
    costs: CostsConfig = CostsConfig()
    limits: LimitsConfig = LimitsConfig()
    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        default="",
        description="A look-alike to talk to instead of AWS; on this machine it gets made-up keys.",
    )

    @field_validator("accounts")
    @classmethod
    def _names_differ(cls, accounts: tuple[AccountConfig, ...]) -> tuple[AccountConfig, ...]:
        names = [account.name for account in accounts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two accounts are called {twice}")
        return accounts
