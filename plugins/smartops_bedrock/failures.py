"""Failures of the model as messages with a remedy.

Faults are recognised by their codes and texts. A message has no ARN and nothing else
that AWS wrote; the log has the whole text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from smartops import InterpreterFailed
from smartops_aws.kit import Fault, is_credentials

from .config import BedrockConfig
from .policy import PROFILE_ID

RETRY_AFTER = 10
"""Seconds to wait after throttling, where AWS does not say how long."""

TYPED = "Typed commands still work: help"

_CHARGED = frozenset({"ModelTimeoutException", "ModelErrorException", "InternalServerException"})


class ModelFailed(InterpreterFailed):
    """The language model failed; ``details`` are the remedy."""

    code = "BEDROCK_ERROR"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how it is recognised, and its message.

    ``words`` is a pattern for AWS's text. In ``remedy``, {model}, {region}, {profile} and
    {action} are the model, the region, a likely inference profile, and the missing right.
    """

    codes: tuple[str, ...]
    message: str
    remedy: str
    words: str = ""
    busy: bool = False

    def fits(self, fault: Fault) -> bool:
        """Whether the fault is of this kind."""
        found = re.search(self.words, fault.message, re.IGNORECASE)
        return fault.code in self.codes and found is not None


_MISSING_RIGHT = re.compile(r"not authorized to perform:? (bedrock:[A-Za-z]{1,40})")
_DENIED = ("AccessDeniedException", "AccessDenied")
_INVALID = ("ValidationException",)
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "Throttling")
_REFUSED = "The language model may not be used"
_OPENING = (
    "Ask {model} something once in the playground of the Bedrock console, as a user who may "
    "subscribe in AWS Marketplace, and tell its provider there what is asked"
)
_UNFIT = "The language model cannot be used like this"

_KINDS = (
    Kind(
        _DENIED,
        _REFUSED,
        "The operator of SmartOps has to allow it: an explicit deny in a policy forbids "
        "{action}, so that allowing it elsewhere will not help",
        r"explicit deny",
    ),
    Kind(
        _DENIED,
        _REFUSED,
        "Required IAM action: {action}, on the model and on its inference profile, as smartops "
        "bedrock policy prints it",
        r"not authorized to perform:? bedrock:(?!ApplyGuardrail)",
    ),
    Kind(
        _DENIED,
        _REFUSED,
        "Required IAM action: {action}, on the guardrail",
        r"not authorized to perform:? bedrock:",
    ),
    Kind(_DENIED, _REFUSED, _OPENING),
    Kind(("ResourceNotFoundException", "ValidationException"), _REFUSED, _OPENING, r"use.case"),
    Kind(
        _INVALID,
        _UNFIT,
        "On-demand use of {model} is not supported in {region}: set plugins.bedrock.model to an "
        "inference profile id, which has a geography as its prefix, such as {profile}",
        r"on-demand throughput",
    ),
    Kind(
        ("ValidationException", "ResourceNotFoundException"),
        _UNFIT,
        "There is no {model} in {region}, or no more: check plugins.bedrock.model and "
        "plugins.bedrock.region",
        r"identifier is invalid|not found|end of its life|legacy|could not resolve",
    ),
    Kind(
        ("ResourceNotFoundException",),
        _UNFIT,
        "There is no {model}, or no such guardrail, in {region}: check plugins.bedrock.model, "
        "guardrail and region",
    ),
    Kind(
        _INVALID,
        _UNFIT,
        "{model} cannot use tools: set plugins.bedrock.model to one that can",
        r"tool use|toolConfig|tool_use",
    ),
    Kind(
        _INVALID,
        _UNFIT,
        "{model} does not take a temperature: set plugins.bedrock.temperature to null",
        r"temperature",
    ),
    Kind(
        _INVALID,
        _UNFIT,
        "{model} does not give answers so long: lower plugins.bedrock.max_tokens",
        r"max_?tokens|maximum tokens",
    ),
    Kind(
        _INVALID,
        "That is too much for the language model",
        "Ask something narrower, or lower plugins.bedrock.result and plugins.bedrock.context",
        r"too long|too many (input )?tokens|context (window|length)|input length",
    ),
    Kind(
        _INVALID,
        _UNFIT,
        "The guardrail is not there: check plugins.bedrock.guardrail",
        r"guardrail",
    ),
    Kind(_INVALID, _UNFIT, "Bedrock would not take the request; the log has why"),
    Kind(
        _THROTTLED,
        "The language model's allowance of the AWS account for today is used up",
        "Raise the quota of tokens per day of {model} in Service Quotas, or use an inference "
        "profile that spreads over regions",
        r"per day|daily",
    ),
    Kind(
        _THROTTLED,
        "The language model is asked too much at once",
        "Ask again. If it happens often, raise the quotas of {model} in Service Quotas, or use "
        "an inference profile that spreads over regions",
        busy=True,
    ),
    Kind(
        ("ServiceQuotaExceededException",),
        "The language model's quota of the AWS account is used up",
        "Raise the quotas of {model} in Service Quotas",
    ),
    Kind(("ModelNotReadyException",), "The language model is not ready yet", "Ask again", "", True),
    Kind(
        ("ModelTimeoutException",),
        "The language model took too long",
        "Ask again, or something narrower",
    ),
    Kind(("ModelErrorException",), "The language model failed at this", "Ask in other words"),
    Kind(
        ("InternalServerException", "ServiceUnavailableException", "InternalFailure"),
        "Bedrock has trouble",
        "Ask again; if it persists, check the AWS Health Dashboard for {region}",
        busy=True,
    ),
)

_SILENT = (
    "The language model did not answer",
    "Ask again. If answers take long, raise plugins.bedrock.limits.read",
)
_CAUSES = {
    "credentials": (
        "SmartOps has no AWS credentials for the language model",
        "The operator of SmartOps has to provide some; see plugins.bedrock.profile and role",
    ),
    "parameters": (_UNFIT, "The AWS SDK would not send the request; the log has why"),
    "unreached": (
        "The language model cannot be reached",
        "Check the network, plugins.bedrock.region and endpoint",
    ),
    "unanswered": _SILENT,
    "unreadable": _SILENT,
}


def is_free(fault: Fault) -> bool:
    """Whether AWS charges no tokens, because the model did not run."""
    if fault.operation != "Converse":  # such as AssumeRole, which comes first
        return True
    return fault.cause not in ("unanswered", "unreadable") and fault.code not in _CHARGED


def failed(fault: Fault, config: BedrockConfig) -> ModelFailed:
    """Return the failure that a fault is; its ``reason``, for the log, is AWS's whole text."""
    failure = _failure(fault, config)
    failure.reason = f"{fault.operation}: {fault}"
    return failure


def refused(message: str, remedy: str, retry_after: int | None = None) -> ModelFailed:
    """Return a failure with its remedy and the hint that typed commands work without the model."""
    return ModelFailed(message, details=f"{remedy}. {TYPED}", retry_after=retry_after)


def _failure(fault: Fault, config: BedrockConfig) -> ModelFailed:
    if fault.cause != "service":
        return refused(*_CAUSES[fault.cause])
    if is_credentials(fault):
        return refused(
            "The AWS credentials of SmartOps are not accepted",
            f"{fault.code}: the operator of SmartOps has to check them",
        )
    if fault.operation == "AssumeRole":
        return refused(
            "SmartOps may not assume the role for the language model",
            f"{fault.code}: check plugins.bedrock.role, external_id and the role's trust policy",
        )
    kind = next((kind for kind in _KINDS if kind.fits(fault)), None)
    if kind is None:
        return refused("The language model failed", f"{fault.code or 'No code'} from Bedrock")
    missing = _MISSING_RIGHT.search(fault.message)
    remedy = kind.remedy.format(
        model=config.model_name,
        region=config.region,
        profile=_profile(config),
        action=missing[1] if missing else "bedrock:InvokeModel",
    )
    after = fault.retry_after or (RETRY_AFTER if kind.busy else 0)
    return refused(kind.message, remedy, math.ceil(after) or None)


_GEOGRAPHIES = {"us-gov": "us-gov", "us": "us", "eu": "eu", "ap": "apac", "ca": "ca", "sa": "us"}


def _profile(config: BedrockConfig) -> str:
    """Return the inference profile that the model probably has in the region."""
    known = (name for name in _GEOGRAPHIES if config.region.startswith(f"{name}-"))
    named = PROFILE_ID.fullmatch(config.model_name)
    model = named["model"] if named else config.model_name
    return f"{_GEOGRAPHIES.get(next(known, ''), 'global')}.{model}"
