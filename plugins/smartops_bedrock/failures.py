"""From what Bedrock says to what people are told, with the remedy.

The codes are matched, never the SDK's exception classes. No ARN and nothing
else of what AWS wrote gets into a reply; the log has the whole text.
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

TYPED = "Commands that are typed go on working: help"

_CONVERSE = "Converse"
_AT_WORK = frozenset({"ModelTimeoutException", "ModelErrorException", "InternalServerException"})


class ModelFailed(InterpreterFailed):
    """The language model did not do its work; ``details`` hold the remedy."""

    code = "BEDROCK_ERROR"


@dataclass(frozen=True, slots=True)
class Sign:
    """How a failure is recognised, and what is said of it.

    ``words`` is searched in what AWS wrote, ignoring case. In ``remedy``,
    {model}, {region}, {profile} and {action} stand for the model's name, the
    region, an inference profile id such a model may have there, and the right
    that is lacking.
    """

    codes: tuple[str, ...]
    message: str
    remedy: str
    words: str = ""
    busy: bool = False

    def fits(self, fault: Fault) -> bool:
        """Whether the fault is of this kind."""
        if self.codes and fault.code not in self.codes:
            return False
        return not self.words or re.search(self.words, fault.message, re.IGNORECASE) is not None


_LACKING = re.compile(r"not authorized to perform:? (bedrock:[A-Za-z]{1,40})")
_DENIED = ("AccessDeniedException", "AccessDenied")
_REFUSED = "The language model may not be used"
_OPENING = (
    "Ask {model} something once in the playground of the Bedrock console, as somebody who may "
    "subscribe in AWS Marketplace, and tell its provider there what is asked"
)
_UNFIT = "The language model cannot be used like this"

_SIGNS = (
    Sign(
        _DENIED,
        _REFUSED,
        "Whoever operates SmartOps has to allow it: an explicit deny in a policy forbids "
        "{action}, so that allowing it elsewhere will not help",
        r"explicit deny",
    ),
    Sign(
        _DENIED,
        _REFUSED,
        "Required IAM action: {action}, on the model and on its inference profile, as smartops "
        "bedrock policy prints it",
        r"not authorized to perform:? bedrock:(?!ApplyGuardrail)",
    ),
    Sign(
        _DENIED,
        _REFUSED,
        "Required IAM action: {action}, on the guardrail",
        r"not authorized to perform:? bedrock:",
    ),
    Sign(_DENIED, _REFUSED, _OPENING),
    Sign(("ResourceNotFoundException", "ValidationException"), _REFUSED, _OPENING, r"use.case"),
    Sign(
        ("ValidationException",),
        _UNFIT,
        "On-demand use of {model} is not supported in {region}: set plugins.bedrock.model to an "
        "inference profile id, which has a geography as its prefix, such as {profile}",
        r"on-demand throughput",
    ),
    Sign(
        ("ValidationException", "ResourceNotFoundException"),
        _UNFIT,
        "There is no {model} in {region}, or no more: look at plugins.bedrock.model and "
        "plugins.bedrock.region",
        r"identifier is invalid|not found|end of its life|legacy|could not resolve",
    ),
    Sign(
        ("ResourceNotFoundException",),
        _UNFIT,
        "There is no {model}, or no such guardrail, in {region}: look at plugins.bedrock.model, "
        "guardrail and region",
    ),
    Sign(
        ("ValidationException",),
        _UNFIT,
        "{model} cannot use tools: set plugins.bedrock.model to one that can",
        r"tool use|toolConfig|tool_use",
    ),
    Sign(
        ("ValidationException",),
        _UNFIT,
        "{model} does not take a temperature: set plugins.bedrock.temperature to null",
        r"temperature",
    ),
    Sign(
        ("ValidationException",),
        _UNFIT,
        "{model} does not give answers so long: lower plugins.bedrock.max_tokens",
        r"max_?tokens|maximum tokens",
    ),
    Sign(
        ("ValidationException",),
        "That is too much for the language model",
        "Ask something narrower, or lower plugins.bedrock.result and plugins.bedrock.context",
        r"too long|too many (input )?tokens|context (window|length)|input length",
    ),
    Sign(
        ("ValidationException",),
        _UNFIT,
        "The guardrail is not there: look at plugins.bedrock.guardrail",
        r"guardrail",
    ),
    Sign(("ValidationException",), _UNFIT, "Bedrock would not take the request; the log has why"),
    Sign(
        ("ThrottlingException", "TooManyRequestsException", "Throttling"),
        "The language model's allowance of the AWS account for today is used up",
        "Raise the quota of tokens per day of {model} in Service Quotas, or use an inference "
        "profile that spreads over regions",
        r"per day|daily",
    ),
    Sign(
        ("ThrottlingException", "TooManyRequestsException", "Throttling"),
        "The language model is asked too much at once",
        "Ask again. If it happens often, raise the quotas of {model} in Service Quotas, or use "
        "an inference profile that spreads over regions",
        busy=True,
    ),
    Sign(
        ("ServiceQuotaExceededException",),
        "The language model's quota of the AWS account is used up",
        "Raise the quotas of {model} in Service Quotas",
    ),
    Sign(("ModelNotReadyException",), "The language model is not ready yet", "Ask again", "", True),
    Sign(
        ("ModelTimeoutException",),
        "The language model took too long",
        "Ask again, or something narrower",
    ),
    Sign(("ModelErrorException",), "The language model failed at this", "Ask in other words"),
    Sign(
        ("InternalServerException", "ServiceUnavailableException", "InternalFailure"),
        "Bedrock has trouble",
        "Ask again; if it goes on, look at the AWS Health Dashboard for {region}",
        busy=True,
    ),
)

_SILENT = (
    "The language model did not answer",
    "Ask again. If answers take long, raise plugins.bedrock.limits.read",
)
_ON_THE_WAY = {
    "credentials": (
        "SmartOps has no AWS credentials for the language model",
        "Whoever operates SmartOps has to give it some; see plugins.bedrock.profile and role",
    ),
    "parameters": (_UNFIT, "The AWS SDK would not send the request; the log has why"),
    "unreached": (
        "The language model cannot be reached",
        "Look at the network, and at plugins.bedrock.region and endpoint",
    ),
    "unanswered": _SILENT,
    "unreadable": _SILENT,
}


def is_free(fault: Fault) -> bool:
    """Whether AWS certainly charges nothing for it: the model never worked."""
    if fault.operation != _CONVERSE:  # credentials have to be had before the model is asked
        return True
    return fault.cause not in ("unanswered", "unreadable") and fault.code not in _AT_WORK


def failed(fault: Fault, config: BedrockConfig) -> ModelFailed:
    """Return what people are told about a fault; ``reason`` has the whole of what AWS said."""
    said = _worded(fault, config)
    said.reason = f"{fault.operation}: {fault}"
    return said


def unfinished(config: BedrockConfig) -> ModelFailed:
    """Return what people are told when the whole question took too long."""
    seconds = config.limits.question.total_seconds()
    return refused(
        f"The language model did not answer within {seconds:g} seconds",
        "Ask again, or something narrower; see plugins.bedrock.limits.question",
    )


def refused(message: str, remedy: str, retry_after: int | None = None) -> ModelFailed:
    """Return a failure with its remedy, and that typed commands do without the model."""
    return ModelFailed(message, details=f"{remedy}. {TYPED}", retry_after=retry_after)


def _worded(fault: Fault, config: BedrockConfig) -> ModelFailed:
    if fault.cause != "service":
        return refused(*_ON_THE_WAY[fault.cause])
    if is_credentials(fault):
        return refused(
            "The AWS credentials of SmartOps are not accepted",
            f"{fault.code}: whoever operates SmartOps has to look at them",
        )
    if fault.operation == "AssumeRole":
        return refused(
            "SmartOps may not assume the role for the language model",
            f"{fault.code}: look at plugins.bedrock.role, external_id and the role's trust policy",
        )
    for sign in _SIGNS:
        if sign.fits(fault):
            return _said(sign, fault, config)
    return refused("The language model failed", f"{fault.code or 'No code'} from Bedrock")


def _said(sign: Sign, fault: Fault, config: BedrockConfig) -> ModelFailed:
    lacking = _LACKING.search(fault.message)
    remedy = sign.remedy.format(
        model=config.model_name,
        region=config.region,
        profile=_profile(config),
        action=lacking[1] if lacking else "bedrock:InvokeModel",
    )
    after = fault.retry_after or (RETRY_AFTER if sign.busy else 0)
    return refused(sign.message, remedy, math.ceil(after) or None)


_GEOGRAPHIES = {"us-gov": "us-gov", "us": "us", "eu": "eu", "ap": "apac", "ca": "ca", "sa": "us"}


def _profile(config: BedrockConfig) -> str:
    """Return the inference profile id that the model probably has where it is asked."""
    known = (name for name in _GEOGRAPHIES if config.region.startswith(f"{name}-"))
    named = PROFILE_ID.fullmatch(config.model_name)
    model = named["model"] if named else config.model_name
    return f"{_GEOGRAPHIES.get(next(known, ''), 'global')}.{model}"
