"""What the section ``plugins.exec`` may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration

from .template import Template

_SECOND = timedelta(seconds=1)


class ScriptEntry(BaseModel):
    """One entry of the allow-list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    script: str = Field(
        default="",
        description="Text that may be run exactly as it stands here.",
    )
    template: str = Field(
        default="",
        description="Text with {placeholders}, each of which stands for one plain word.",
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Regular expressions that the values of placeholders must match in full.",
    )
    read_only: bool = Field(
        default=False,
        description="It changes nothing, so it runs at once, without confirmation.",
    )
    roles: tuple[str, ...] = Field(
        default=(),
        description="Only people with one of these roles may run it; empty for all.",
    )
    platforms: tuple[Literal["linux", "windows"], ...] = Field(
        default=(),
        description="Only for instances of these platforms; empty for all.",
    )
    timeout: Duration | None = Field(
        default=None,
        gt=timedelta(0),
        description="Time limit where the person names none.",
    )
    description: str = Field(
        default="",
        description="What it is for, shown by `list scripts`.",
    )

    @property
    def text(self) -> str:
        """The script or the template, as it stands in the file but for blanks around it."""
        return self.script.strip() or self.template.strip()

    @property
    def compiled(self) -> Template:
        """What the text is matched against; an exact script has no placeholders."""
        return Template(self.text, None if self.script.strip() else self.parameters)

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if bool(self.script.strip()) == bool(self.template.strip()):
            raise ValueError("needs either script: (exact text) or template: (with {placeholders})")
        if self.parameters and not self.template:
            raise ValueError("parameters: belong to a template:")
        _ = self.compiled  # raises ValueError, which says what is wrong with it
        return self


class ExecConfig(BaseModel):
    """Settings of the exec plugin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scripts: tuple[ScriptEntry, ...] = Field(
        default=(),
        description="The allow-list: what may be run. Everything else is refused.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60),
        ge=_SECOND,
        description="Time limit where nothing else says so.",
    )
    max_timeout: Duration = Field(
        default=timedelta(minutes=10),
        ge=_SECOND,
        description="The longest time limit one may ask for.",
    )
    max_targets: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="On how many instances one call may run a script.",
    )
    poll: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(milliseconds=100),
        description="Maximum polling interval.",
    )
    groups: int = Field(
        default=10,
        ge=1,
        le=50,
        description="Maximum number of different outputs that are shown separately.",
    )

    @model_validator(mode="after")
    def _timeouts_fit(self) -> Self:
        limits = [("timeout", self.timeout)]
        limits += [(f"the timeout of {s.text!r}", s.timeout) for s in self.scripts if s.timeout]
        for name, limit in limits:
            if limit > self.max_timeout:
                raise ValueError(f"{name} is longer than max_timeout")
        return self
