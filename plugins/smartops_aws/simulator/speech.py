"""What a scenario says about the models of Bedrock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from smartops import Duration


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_regex)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Say(_Section):
    """What the model says to something.

    ``when`` is looked for in the last text of the user, ignoring case; with
    ``to`` results, in the results of tools that came last. ``{1}`` or
    ``{name}`` in the texts, and in the texts of ``input``, is what the group
    of the pattern found; ``{result}`` is what the tools answered.
    """

    when: Pattern
    to: Literal["text", "results"] = "text"
    tool: str = ""
    input: Mapping[str, Any] = {}
    text: str = ""
    stop: Literal["", "max_tokens", "guardrail_intervened", "content_filtered"] = ""
    delay: Duration = timedelta(0)


class Speech(_Section):
    """The rules of the models; the first that fits is followed."""

    rules: tuple[Say, ...] = ()
    otherwise: str = "I can only help with your infrastructure."
    after_tools: str = "{result}"
    models: tuple[str, ...] = Field(
        default=("*",), description="patterns of the model ids that there are"
    )
    no_access: tuple[str, ...] = Field(default=(), description="models without access")
    profiles_only: tuple[str, ...] = Field(
        default=(), description="models that have to be called by an inference profile"
    )
    guardrails: tuple[str, ...] = Field(default=("*",), description="guardrails that there are")
