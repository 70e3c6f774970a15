"""The least that SmartOps has to be allowed, as IAM policies, for the model that is configured.

A foundation model that is reached through an inference profile is allowed in
every region that the profile may lead to, but only by way of that profile. So
which regions these are need not be known exactly: the profile decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from smartops_aws.kit import Policy, Statement, allow, partition_of, policy_of

from .config import BedrockConfig

RIGHT = "bedrock:InvokeModel"
"""What Converse needs; it has no right of its own."""

GUARD = "bedrock:ApplyGuardrail"
"""What Converse needs besides, when it is told of a guardrail."""

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
"""Where the profiles of a geography lead to, besides the region that is asked; else anywhere."""

_THE_WORLD = ""
"""The region in the ARN of a model that a profile of the whole world leads to."""


class AccountUnknown(Exception):
    """The ARNs need the account's number, and the configuration does not have it."""


def model_policy(config: BedrockConfig, account: str = "") -> Policy:
    """Return what has to be allowed for asking the model: to the role, or to SmartOps itself.

    ``account`` is the number of the account that is asked. It is not needed
    where the configuration has it; raises AccountUnknown where it is.
    """
    return _Writer(config, account or account_of(config)).policy()


def account_of(config: BedrockConfig) -> str:
    """Return the number of the account that is asked, or "" if the configuration has none.

    That is the role's account; without a role, the ARN of a profile has it.
    """
    numbers = (arn.split(":")[4] for arn in (config.role or "", config.model) if _is_arn(arn))
    return next(filter(None, numbers), "")


class _Writer:
    """Writes the statements for one model."""

    def __init__(self, config: BedrockConfig, account: str) -> None:
        self._config = config
        self._account = account

    def policy(self) -> Policy:
        model, guardrail = self._config.model, self._config.guardrail
        named = PROFILE_ID.fullmatch(model.rpartition("/")[2])
        guarded = (
            [allow("ApplyGuardrail", [GUARD], self._own("guardrail", guardrail.id))]
            if guardrail
            else []
        )
        if ":application-inference-profile/" in model:
            # It does not say which model it stands for, nor where.
            return policy_of(*self._by_profile(model, ["*"], "*"), *guarded)
        if named and (not _is_arn(model) or ":inference-profile/" in model):
            regions = self._destinations(named["geography"])
            profile = self._own("inference-profile", model)
            return policy_of(*self._by_profile(profile, regions, named["model"]), *guarded)
        arn = model if _is_arn(model) else self._foundation(self._config.region, model)
        return policy_of(allow("AskModel", [RIGHT], arn), *guarded)

    def _by_profile(self, profile: str, regions: Sequence[str], model: str) -> Sequence[Statement]:
        """Let the profile be asked, and the model by way of it alone: both are looked at."""
        models = allow(
            "AskModelByProfile",
            [RIGHT],
            [self._foundation(region, model) for region in regions],
        )
        models["Condition"] = {"StringEquals": {"bedrock:InferenceProfileArn": profile}}
        return [allow("AskProfile", [RIGHT], profile), models]

    def _destinations(self, geography: str) -> Sequence[str]:
        here = self._config.region
        if geography == "global":
            return [here, _THE_WORLD]
        regions = _REGIONS.get(geography, ("*",))
        covered = any(region == "*" or here.startswith(region[:-1]) for region in regions)
        return regions if covered else [here, *regions]

    def _own(self, kind: str, name: str) -> str:
        """Return the ARN of something of the account."""
        if _is_arn(name):
            return name
        if not self._account:
            raise AccountUnknown
        return f"{self._begin(self._config.region)}:{self._account}:{kind}/{name}"

    def _foundation(self, region: str, model: str) -> str:
        return f"{self._begin(region)}::foundation-model/{model}"

    def _begin(self, region: str) -> str:
        return f"arn:{partition_of(self._config.region)}:bedrock:{region}"


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")
