"""What the look-alike is to be like: accounts, instances, and what goes wrong.

Durations are written as in SmartOps' configuration: ``30s``, ``5m``, ``2h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from smartops import Duration

from .incidents import Bill, Faults, Refusal
from .speech import Pattern, Speech

Agent = Literal["online", "lost", "inactive", "missing"]
State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
Platform = Literal["linux", "windows"]
Level = Annotated[float, Field(ge=0, le=100)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]


class Section(BaseModel):
    """A part of the scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Levels(Section):
    """The usual level of what is measured, in per cent; None for a metric that is not there."""

    cpu: Level | None = 20.0
    memory: Level | None = 45.0
    disk: Level | None = 50.0
    spread: float = Field(default=3.0, ge=0, description="how far values stray from the level")


class Machine(Section):
    """An instance, written out."""

    name: str = ""
    id: str = Field(default="", pattern=r"^(i-[0-9a-f]{17}|i-[0-9a-f]{8})?$")
    type: str = "t3.medium"
    platform: Platform = "linux"
    state: State = "running"
    tags: Mapping[str, str] = {}
    private_ip: str = Field(default="", description="made up if left out")
    public_ip: str = ""
    age: Duration = timedelta(days=30)
    protected: bool = Field(default=False, description="whether it refuses to be stopped")
    agent: Agent = "online"
    metrics: Levels = Levels()


class Group(Section):
    """Instances that are made: ``count`` of them, named by ``name`` with ``{n}`` or ``{n:03}``."""

    count: int = Field(ge=1, le=100_000)
    name: str = "web-server-{n:02}"
    type: str = "t3.medium"
    platform: Platform = "linux"
    state: State = "running"
    tags: Mapping[str, str] = {}
    age: Duration = timedelta(days=30)
    agent: Agent = "online"
    metrics: Levels = Levels()


class Region(Section):
    """What one account has in one region."""

    instances: tuple[Machine, ...] = ()
    generate: tuple[Group, ...] = ()
    down: Literal["", "refused", "error", "hanging"] = Field(
        default="", description="how the region fails, if it does"
    )


class Role(Section):
    """A role that may be assumed, and by whom."""

    external_id: str = ""
    accounts: tuple[AccountId, ...] = Field(default=(), description="empty: any account may")
    longest: Duration = timedelta(hours=1)


class Account(Section):
    """One account."""

    regions: Mapping[str, Region] = {}
    roles: Mapping[str, Role] = Field(default={}, description="empty: every role may be assumed")
    costs: Bill = Bill()
    management: bool = Field(default=False, description="whether its bill is that of all accounts")


class Key(Section):
    """Whom an access key belongs to."""

    account: AccountId
    user: str = "smartops"
    expired: bool = False
    disabled: bool = False


class Timing(Section):
    """How long things take."""

    start: Duration = timedelta(seconds=4)
    stop: Duration = timedelta(seconds=6)
    reboot: Duration = timedelta(seconds=8)
    agent: Duration = Field(
        default=timedelta(seconds=2), description="until the agent of a started instance is there"
    )
    visible: Duration = Field(
        default=timedelta(milliseconds=300), description="until a new command can be seen"
    )
    deliver: Duration = timedelta(milliseconds=200)
    run: Duration = Field(default=timedelta(milliseconds=500), description="what a script takes")
    cancel: Duration = timedelta(milliseconds=500)


class Output(Section):
    """What a script answers. The first that matches is taken.

    ``{name}``, ``{id}``, ``{ip}``, ``{account}`` and ``{region}`` in the texts
    stand for those of the instance.
    """

    script: Pattern = Field(description="regular expression, found anywhere in the script")
    instance: str = Field(default="*", description="name or id; * and ? are wildcards")
    document: str = "*"
    stdout: str = ""
    stderr: str = ""
    exit_code: int = Field(default=0, ge=0, le=255)
    takes: Duration | None = None
    ends: Literal["", "AccessDenied", "Undeliverable", "RateExceeded"] = Field(
        default="", description="what becomes of it instead of being run"
    )


class DocumentParameter(Section):
    """A parameter of a Command document."""

    default: str | None = None
    pattern: Pattern = ""
    values: tuple[str, ...] = ()


class Document(Section):
    """A Command document of the account."""

    name: str
    platforms: tuple[Platform, ...] = ("linux",)
    script: str = Field(description="with {parameters} in braces")
    parameters: Mapping[str, DocumentParameter] = {}


class Incident(Section):
    """A metric that leaves its usual level."""

    instance: str = Field(description="name or id; * and ? are wildcards")
    metric: Literal["cpu", "memory", "disk"]
    value: Level
    since: Duration = Field(default=timedelta(hours=1), description="before the start")
    lasts: Duration | None = None


class Scenario(Section):
    """All of it. Without accounts there is one, 123456789012, that has nothing in it."""

    seed: int = 1
    accounts: Mapping[AccountId, Account] = Field(default={"123456789012": Account()}, min_length=1)
    keys: Mapping[str, Key] = Field(
        default={},
        description="Access keys; one that is an account's number belongs to that account, and "
        "any other to the first account",
    )
    timing: Timing = Timing()
    outputs: tuple[Output, ...] = ()
    documents: tuple[Document, ...] = ()
    incidents: tuple[Incident, ...] = ()
    denials: tuple[Refusal, ...] = ()
    faults: tuple[Faults, ...] = ()
    converse: Speech = Speech()
    points_per_page: int = Field(
        default=100_800, ge=1, description="values that GetMetricData gives at once"
    )

    @model_validator(mode="after")
    def _keys_have_accounts(self) -> Self:
        for name, key in self.keys.items():
            if key.account not in self.accounts:
                raise ValueError(f"the key {name} is of an account that is not there")
        return self

    @classmethod
    def read(cls, path: Path) -> Scenario:
        """Return the scenario of a YAML file; raises ValueError, and OSError."""
        import yaml

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from None
        return cls.model_validate(content or {})

    @classmethod
    def of(cls, given: Scenario | Mapping[str, Any] | Path | str | None) -> Scenario:
        """Return the scenario that was given in one of the ways it can be."""
        if isinstance(given, Scenario):
            return given
        if isinstance(given, str | Path):
            return cls.read(Path(given))
        return cls.model_validate(given or {})
