"""The configuration section ``plugins.bedrock``."""

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
    """A Bedrock guardrail, which filters questions and answers."""

    id: GuardrailId = Field(description="Its id or ARN.")
    version: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,7}|DRAFT)$")] = Field(
        description='Its version in quotes, such as "1", or DRAFT.'
    )


class BudgetConfig(Section):
    """Limits of input and output tokens in one day, which begins at midnight UTC."""

    person: int = Field(default=200_000, ge=1, description="Tokens a day for each person.")
    everybody: int = Field(
        default=2_000_000, ge=1, description="Tokens a day for all people together."
    )


class ContextConfig(Section):
    """How much of a conversation is stored, so that questions can follow up on earlier ones."""

    exchanges: int = Field(
        default=4,
        ge=0,
        le=20,
        description="Number of earlier questions that the model gets; 0 for none.",
    )
    expires: Duration = Field(
        default=timedelta(minutes=30),
        gt=timedelta(0),
        description="How long after the last of them they are deleted.",
    )


class LimitsConfig(ConnectionLimits):
    """Timeouts and concurrency of requests to the model."""

    read: Duration = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="Timeout of one request to the model.",
    )
    question: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="Timeout of a question, with all its requests and commands.",
    )
    attempts: int = Field(
        default=2, ge=1, le=5, description="Attempts of one request, including the first."
    )
    threads: int = Field(
        default=4, ge=1, le=64, description="Maximum number of concurrent requests."
    )


class BedrockConfig(CredentialsConfig):
    """Settings of the bedrock plugin."""

    model: ModelId = Field(
        description="Inference profile id such as eu.anthropic.…, model id, or ARN of either.",
    )
    region: RegionName = Field(description="AWS region of the model, such as eu-central-1.")
    endpoint: Endpoint = Field(
        default="",
        description="URL to call instead of AWS: a VPC endpoint, or a simulator on this machine, "
        "which gets made-up keys.",
    )
    guardrail: GuardrailConfig | None = Field(
        default=None, description="A guardrail, which filters questions and answers."
    )
    temperature: float | None = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Sampling temperature: 0 varies least; null for models without one.",
    )
    max_tokens: int = Field(
        default=1024, ge=64, le=64_000, description="Maximum length of an answer, in tokens."
    )
    rounds: int = Field(
        default=6,
        ge=1,
        le=12,
        description="Maximum number of requests to the model for one question.",
    )
    result: int = Field(
        default=12_000,
        ge=500,
        le=200_000,
        description="Maximum number of characters of a command's reply that the model gets.",
    )
    scripts: Literal["ask", "run"] = Field(
        default="run",
        description="run: read-only scripts that the model proposes run at once; "
        "ask: after the person has pressed a button.",
    )
    instructions: str = Field(
        default="",
        max_length=4000,
        description="Additional instructions for the model, such as your naming conventions.",
    )
    context: ContextConfig = ContextConfig()
    budget: BudgetConfig = BudgetConfig()
    limits: LimitsConfig = LimitsConfig()

    @property
    def model_name(self) -> str:
        """What the model is called in answers: no ARN, since that holds the account's number."""
        return self.model.rpartition("/")[2]
