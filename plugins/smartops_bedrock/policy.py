"""The least-privilege IAM policy for the configured model.

A foundation model that is called through an inference profile is allowed in every
region the profile may lead to, but only through that profile. The list of regions
may therefore be wider than the profile's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from smartops_aws.kit import Policy, Statement, allow, partition_of, policy_of

from .config import BedrockConfig

RIGHT = "bedrock:InvokeModel"
"""The right that Converse needs; there is no bedrock:Converse."""

PROFILE_ID = re.compile(r"(?P<geography>[a-z]{2}|apac|global|us-gov)\.(?P<model>.+)")
_REGIONS: Mapping[str, Sequence[str]] = {
    "us": ("us-*",),
    "us-gov": ("us-gov-*",),
    "eu": ("eu-*",),
    "apac": ("ap-*",),
    "jp": ("ap-*",),
    "au": ("ap-*",),
    "ca": ("ca-*",),
}
"""Where the profiles of a geography lead to, besides the configured region; others anywhere."""


class AccountUnknown(Exception):
    """The ARNs need the account's number, which is not in the configuration."""


def model_policy(config: BedrockConfig, account: str = "") -> Policy:
    """Return the policy for the role, or for SmartOps itself if there is no role.

    ``account`` is the account's number. Raises AccountUnknown if it is needed.
    """
    model, guardrail = config.model, config.guardrail
    named = PROFILE_ID.fullmatch(config.model_name)

    def own(kind: str, name: str) -> str:
        if _is_arn(name):
            return name
        number = account or account_of(config)
        if not number:
            raise AccountUnknown
        return f"{_prefix(config, config.region)}:{number}:{kind}/{name}"

    guarded = []
    if guardrail:
        arn = own("guardrail", guardrail.id)
        guarded = [allow("ApplyGuardrail", ["bedrock:ApplyGuardrail"], arn)]
    if ":application-inference-profile/" in model:
        # Its ARN names neither the model nor the regions.
        return policy_of(*_through_profile(config, model, ["*"], "*"), *guarded)
    if named and (not _is_arn(model) or ":inference-profile/" in model):
        profile, regions = own("inference-profile", model), _regions(config, named["geography"])
        return policy_of(*_through_profile(config, profile, regions, named["model"]), *guarded)
    arn = model if _is_arn(model) else _foundation(config, config.region, model)
    return policy_of(allow("AskModel", [RIGHT], arn), *guarded)


def account_of(config: BedrockConfig) -> str:
    """Return the account's number from the ARN of the role or the model; empty if unknown."""
    numbers = (arn.split(":")[4] for arn in (config.role or "", config.model) if _is_arn(arn))
    return next(filter(None, numbers), "")


def _through_profile(
    config: BedrockConfig, profile: str, regions: Sequence[str], model: str
) -> Sequence[Statement]:
    """Allow the profile, and the model through it alone: AWS checks both."""
    models = [_foundation(config, region, model) for region in regions]
    condition = {"StringEquals": {"bedrock:InferenceProfileArn": profile}}
    return [
        allow("AskProfile", [RIGHT], profile),
        allow("AskModelByProfile", [RIGHT], models, condition),
    ]


def _regions(config: BedrockConfig, geography: str) -> Sequence[str]:
    here = config.region
    if geography == "global":
        return [here, ""]  # the ARN of a model without a region is valid for every region
    regions = _REGIONS.get(geography, ("*",))
    covered = any(region == "*" or here.startswith(region[:-1]) for region in regions)
    return regions if covered else [here, *regions]


def _foundation(config: BedrockConfig, region: str, model: str) -> str:
    return f"{_prefix(config, region)}::foundation-model/{model}"


def _prefix(config: BedrockConfig, region: str) -> str:
    return f"arn:{partition_of(config.region)}:bedrock:{region}"


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")
