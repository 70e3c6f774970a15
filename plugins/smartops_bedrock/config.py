"""What the section ``plugins.bedrock`` may hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from smartops import Duration
from smartops_aws.kit import ConnectionLimits, CredentialsConfig, Endpoint, RegionName, Section

ModelId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:/._-]+$", max_length=2048)]
GuardrailId = Annotated[
    str,
    StringConstraints(
        pattern=r"^([a-z0-9]+|arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:\d{12}:guardrail/[a-z0-9]+)$"
    ),
]


class GuardrailConfig(Section):
    """A guardrail of Bedrock that looks at questions and answers."""

    id: GuardrailId = Field(description="Its id or ARN.")
    version: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,7}|DRAFT)$")] = Field(
        description='Its version in quotes, such as "1", or DRAFT.'
    )


class BudgetConfig(Section):
    """Tokens, in and out, that may be used in one day, from midnight to midnight UTC."""

    person: int = Field(default=200_000, ge=1, description="Tokens a day for each person.")
    everybody: int = Field(default=2_000_000, ge=1, description="Tokens a day for all together.")


class ContextConfig(Section):
    """What is remembered of a person's conversation, so that questions can follow up."""

    exchanges: int = Field(
        default=4, ge=0, le=20, description="Questions remembered; 0 for no memory."
    )
    expires: Duration = Field(
        default=timedelta(minutes=30),
        gt=timedelta(0),
        description="How long they are remembered after the last of them.",
    )


class LimitsConfig(ConnectionLimits):
    """How long the model may take, and how much is asked at once."""

    read: Duration = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="How long one answer of the model may take.",
    )
    question: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="How long a question may take altogether, before the model is given up.",
    )
    attempts: int = Field(
        default=2, ge=1, le=5, description="How often one request is tried, the first included."
    )
    threads: int = Field(default=4, ge=1, le=64, description="Requests under way at once.")


class BedrockConfig(CredentialsConfig):
    """Settings of the bedrock plugin."""

    model: ModelId = Field(
        description="Inference profile id such as eu.anthropic.…, model id, or ARN of either.",
    )
    region: RegionName = Field(description="The region that is asked, such as eu-central-1.")
    endpoint: Endpoint = Field(
        default="",
        description="Asked instead of AWS: a VPC endpoint, or a look-alike on this machine, "
        "which gets made-up keys.",
    )
    guardrail: GuardrailConfig | None = Field(
        default=None, description="A guardrail that looks at questions and answers."
    )
    temperature: float | None = Field(
        default=0.0, ge=0, le=1, description="0 is the steadiest; null for models that take none."
    )
    max_tokens: int = Field(
        default=1024, ge=64, le=64_000, description="The longest answer, in tokens."
    )
    rounds: int = Field(
        default=6, ge=1, le=12, description="How often the model is asked for one question."
    )
    result: int = Field(
        default=12_000,
        ge=500,
        le=200_000,
        description="Characters of a command's answer that the model is shown.",
    )
    scripts: Literal["ask", "run"] = Field(
        default="run",
        description="Whether read-only scripts that the model proposes are run, "
        "or only after the person has pressed a button.",
    )
    instructions: str = Field(
        default="",
        max_length=4000,
        description="What the model should know besides, such as how you name things.",
    )
    context: ContextConfig = ContextConfig()
    budget: BudgetConfig = BudgetConfig()
    limits: LimitsConfig = LimitsConfig()

    @property
    def model_name(self) -> str:
        """What the model is called in answers: no ARN, since that holds the account's number."""
        return self.model.rpartition("/")[2]
