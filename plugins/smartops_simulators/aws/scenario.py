"""What a local AWS contains and what goes wrong in it: the keys of a scenario file.

Durations are written as in the configuration of SmartOps: ``30s``, ``5m``, ``2h``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from smartops import Duration

from .faults import Denial, Fault

State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Platform = Literal["linux", "windows"]
Level = Annotated[float, Field(ge=0, le=100)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Levels(Section):
    """The usual measurements in per cent, give or take ``spread``; None: no such metric."""

    cpu: Level | None = 20.0
    memory: Level | None = 45.0
    disk: Level | None = 50.0
    spread: float = Field(default=3.0, ge=0)


class Event(Section):
    """An event that AWS has scheduled for an instance."""

    code: str = "instance-retirement"
    description: str = ""
    due: Duration = timedelta(days=3)


class Machine(Section):
    """An instance. What is left out is generated from the seed.

    With ``falls_back``, a start ends as stopped, with this state reason.
    """

    name: str = ""
    id: str = Field(default="", pattern=r"^(i-[0-9a-f]{17}|i-[0-9a-f]{8})?$")
    type: str = "t3.medium"
    platform: Platform = "linux"
    state: State = "running"
    tags: Mapping[str, str] = {}
    private_ip: str = ""
    public_ip: str = ""
    age: Duration = timedelta(days=30)
    protected: bool = Field(default=False, description="stop protection")
    agent: Literal["online", "lost", "inactive", "missing"] = "online"
    metrics: Levels = Levels()
    spot: bool = False
    state_reason: str = ""
    falls_back: str = ""
    failed_checks: tuple[Literal["instance", "system"], ...] = ()
    events: tuple[Event, ...] = ()


class Group(Machine):
    """``count`` instances that differ in the number in their name: ``{n}`` or ``{n:03}``."""

    count: int = Field(ge=1, le=100_000)


class Region(Section):
    instances: tuple[Machine, ...] = ()
    generate: tuple[Group, ...] = ()


class Role(Section):
    """A role, and the accounts that may assume it; empty: any account."""

    external_id: str = ""
    accounts: tuple[AccountId, ...] = ()


class Bill(Section):
    """The costs of a day, and by how much a week exceeds the week before, as a share."""

    daily: float = Field(default=48.0, ge=0)
    growth: float = Field(default=0.02, gt=-1)
    weekend: float = Field(default=0.8, ge=0, description="costs of a day of the weekend, as share")


class Account(Section):
    """One account. Without ``roles`` every role exists."""

    regions: Mapping[str, Region] = {}
    roles: Mapping[str, Role] = {}
    costs: Bill = Bill()
    management: bool = Field(default=False, description="its bill includes all accounts")


class Key(Section):
    account: AccountId
    user: str = "smartops"
    expired: bool = False
    disabled: bool = False


class Timing(Section):
    """How long things take; ``visible``: until SSM lists a new command."""

    start: Duration = timedelta(seconds=4)
    stop: Duration = timedelta(seconds=6)
    reboot: Duration = timedelta(seconds=8)
    agent: Duration = timedelta(seconds=2)
    visible: Duration = timedelta(milliseconds=300)
    deliver: Duration = timedelta(milliseconds=200)
    run: Duration = timedelta(milliseconds=500)


class Output(Section):
    """What a script prints; the first that matches counts.

    ``{name}``, ``{id}``, ``{ip}``, ``{account}`` and ``{region}`` are those of the instance.
    ``ends`` is the status if the script is not run at all.
    """

    script: re.Pattern[str] = Field(description="searched for in the script")
    instance: str = Field(default="*", description="name or id; * and ? are wildcards")
    document: str = "*"
    stdout: str = ""
    stderr: str = ""
    exit_code: int = Field(default=0, ge=0, le=255)
    takes: Duration | None = None
    ends: Literal["", "AccessDenied", "Undeliverable", "RateExceeded"] = ""


class DocumentParameter(Section):
    default: str | None = None
    pattern: re.Pattern[str] = re.compile("")
    values: tuple[str, ...] = ()


class Document(Section):
    """A Command document of the accounts, its script with ``{parameters}``."""

    name: str
    platforms: tuple[Platform, ...] = ("linux",)
    script: str
    parameters: Mapping[str, DocumentParameter] = {}


class Incident(Section):
    """A measurement that leaves its usual level; ``since`` is before the start."""

    instance: str = Field(description="name or id; * and ? are wildcards")
    metric: Literal["cpu", "memory", "disk"]
    value: Level
    since: Duration = timedelta(hours=1)


class Scenario(Section):
    """The whole file. Without accounts there is one empty account, 123456789012.

    An access key that is an account's number belongs to that account, one of ``keys`` to its
    owner there, and any other to the first account.
    """

    seed: int = 1
    accounts: Mapping[AccountId, Account] = Field(default={"123456789012": Account()}, min_length=1)
    keys: Mapping[str, Key] = {}
    timing: Timing = Timing()
    outputs: tuple[Output, ...] = ()
    documents: tuple[Document, ...] = ()
    incidents: tuple[Incident, ...] = ()
    denials: tuple[Denial, ...] = ()
    faults: tuple[Fault, ...] = ()
    points_per_page: int = Field(default=100_800, ge=1, description="of GetMetricData")

    @model_validator(mode="after")
    def _keys_have_accounts(self) -> Self:
        if not {key.account for key in self.keys.values()} <= self.accounts.keys():
            raise ValueError("keys name an unknown account")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the scenario of a YAML file; raises ValueError and OSError."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from None
