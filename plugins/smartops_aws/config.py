"""What the section ``plugins.aws`` may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from smartops import Duration

from .kit import (
    ConnectionLimits,
    CredentialsConfig,
    Endpoint,
    RegionName,
    Section,
    partition_of,
)
from .template import Template

AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]


class AccountConfig(CredentialsConfig):
    """An account and the regions of it that are operated."""

    name: AccountName = Field(
        description="What the account is called; its backends are NAME/REGION.",
    )
    account: AccountId | None = Field(
        default=None,
        description="The account's number, in quotes. It may be left out where role: holds it.",
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
        return partition_of(self.regions[0])

    @model_validator(mode="after")
    def _is_one_account(self) -> Self:
        if not self.number:
            raise ValueError("needs account: (twelve digits in quotes) or role:")
        if self.role and self.number not in self.role.split(":"):
            raise ValueError("role is in another account than account")
        if len(set(self.regions)) < len(self.regions):
            raise ValueError("a region is named twice")
        return self


class DocumentConfig(Section):
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


class RunnerConfig(Section):
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
        default=timedelta(milliseconds=250),
        ge=timedelta(milliseconds=50),
        description="Minimum polling interval of one command.",
    )


class MetricsConfig(Section):
    """CloudWatch."""

    enabled: bool = Field(default=True, description="Whether CloudWatch is asked, which it bills.")
    cache: Duration = Field(
        default=timedelta(minutes=1),
        ge=timedelta(0),
        description="How long measurements are remembered.",
    )
    agent_namespace: str = Field(
        default="CWAgent",
        description="The namespace that the CloudWatch agent writes to.",
    )


class CostsConfig(Section):
    """Cost Explorer."""

    enabled: bool = Field(default=True, description="Whether bills are asked for, at $0.01 each.")
    organization: bool = Field(
        default=False,
        description="In a management account: the bill of the whole organization.",
    )
    requests_per_day: int = Field(
        default=3,
        ge=1,
        description="Maximum number of requests a day for each account, over all processes.",
    )


class LimitsConfig(ConnectionLimits):
    """How long AWS may take, and how much is asked at once."""

    wait: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="How long a call may wait for its turn before it is refused as too many.",
    )


class AwsConfig(Section):
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
    endpoint: Endpoint = Field(
        default="",
        description="URL to call instead of AWS, such as a simulator; on this machine it gets "
        "made-up keys.",
    )

    @field_validator("accounts")
    @classmethod
    def _names_differ(cls, accounts: tuple[AccountConfig, ...]) -> tuple[AccountConfig, ...]:
        names = [account.name for account in accounts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two accounts are called {twice}")
        return accounts
