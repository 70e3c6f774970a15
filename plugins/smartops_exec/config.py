"""The configuration section ``plugins.exec``."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration, Effect

from .template import Template

_SECOND = timedelta(seconds=1)


class ScriptEntry(BaseModel):
    """One entry of the allow-list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    script: str = Field(
        default="",
        description="A script that may be run exactly as written here.",
    )
    template: str = Field(
        default="",
        description="A script with {placeholders}, each for one word without shell metacharacters.",
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Regular expressions that the values of placeholders must match in full.",
    )
    read_only: bool = Field(
        default=False,
        description="The script changes nothing, so it runs without confirmation.",
    )
    roles: tuple[str, ...] = Field(
        default=(),
        description="Roles that may run it; empty for all.",
    )
    platforms: tuple[Literal["linux", "windows"], ...] = Field(
        default=(),
        description="Platforms that it may run on; empty for all.",
    )
    timeout: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="Default time limit of this script.",
    )
    description: str = Field(
        default="",
        description="The purpose, shown by `list scripts`.",
    )

    @property
    def text(self) -> str:
        """The script or the template, without surrounding whitespace."""
        return self.script.strip() or self.template.strip()

    @property
    def effect(self) -> Effect:
        """``read`` if the entry is read-only, else ``change``."""
        return Effect.READ if self.read_only else Effect.CHANGE

    @cached_property
    def compiled(self) -> Template:
        """The matcher for the text; an exact script has no placeholders."""
        return Template(self.text, None if self.script.strip() else self.parameters)

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if bool(self.script.strip()) == bool(self.template.strip()):
            raise ValueError("needs either script: (exact text) or template: (with {placeholders})")
        if self.parameters and not self.template:
            raise ValueError("parameters: belong to a template:")
        _ = self.compiled  # raises ValueError if the template is invalid
        return self


class ExecConfig(BaseModel):
    """Settings of the exec plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scripts: tuple[ScriptEntry, ...] = Field(
        default=(),
        description="The allow-list; all other scripts are refused.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60),
        ge=_SECOND,
        description="Default time limit of a script.",
    )
    max_timeout: Duration = Field(
        default=timedelta(minutes=10),
        ge=_SECOND,
        description="Maximum time limit that `--timeout` may set.",
    )
    max_targets: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Maximum number of instances of one call.",
    )
    poll: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=100),
        description="Maximum polling interval for the results of a run.",
    )
    groups: int = Field(
        default=10,
        ge=1,
        le=50,
        description="Maximum number of different outputs shown separately; others are joined.",
    )

    @model_validator(mode="after")
    def _timeouts_fit(self) -> Self:
        limits = [("timeout", self.timeout)]
        limits += [(f"the timeout of {s.text!r}", s.timeout) for s in self.scripts if s.timeout]
        for name, limit in limits:
            if limit > self.max_timeout:
                raise ValueError(f"{name} is longer than max_timeout")
        return self
