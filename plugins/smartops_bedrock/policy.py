"""The least that SmartOps has to be allowed, as IAM policies, for the model that is configured.

A foundation model that is reached through an inference profile is allowed in
every region that the profile may lead to, but only by way of that profile. So
which regions these are need not be known exactly: the profile decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .config import BedrockConfig

Statement = dict[str, Any]
Policy = dict[str, Any]

RIGHTS: Mapping[str, str] = {"Converse": "bedrock:InvokeModel", "AssumeRole": "sts:AssumeRole"}
"""What each operation that is called needs; Converse has no right of its own."""

GUARD = "bedrock:ApplyGuardrail"
"""What Converse needs besides, when it is told of a guardrail."""

_VERSION = "2012-10-17"
_PROFILE_ID = re.compile(r"(?P<geography>[a-z]{2}|apac|global|us-gov)\.(?P<model>.+)")
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


def bot_policy(role: str) -> Policy:
    """Return what has to be allowed to SmartOps itself where a role asks the model."""
    return _policy(_allow("AssumeModelRole", RIGHTS["AssumeRole"], role))


def trust_policy(config: BedrockConfig, principal: str) -> Policy:
    """Return whom the role has to trust: SmartOps, and only it."""
    statement: Statement = {
        "Sid": "SmartOps",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": RIGHTS["AssumeRole"],
    }
    if config.external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": config.external_id}}
    return _policy(statement)


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
        named = _PROFILE_ID.fullmatch(model.rpartition("/")[2])
        guarded = (
            [_allow("ApplyGuardrail", GUARD, self._own("guardrail", guardrail.id))]
            if guardrail
            else []
        )
        if ":application-inference-profile/" in model:
            # It does not say which model it stands for, nor where.
            return _policy(*self._by_profile(model, ["*"], "*"), *guarded)
        if named and (not _is_arn(model) or ":inference-profile/" in model):
            regions = self._destinations(named["geography"])
            profile = self._own("inference-profile", model)
            return _policy(*self._by_profile(profile, regions, named["model"]), *guarded)
        arn = model if _is_arn(model) else self._foundation(self._config.region, model)
        return _policy(_allow("AskModel", RIGHTS["Converse"], arn), *guarded)

    def _by_profile(self, profile: str, regions: Sequence[str], model: str) -> Sequence[Statement]:
        """Let the profile be asked, and the model by way of it alone: both are looked at."""
        models = _allow(
            "AskModelByProfile",
            RIGHTS["Converse"],
            [self._foundation(region, model) for region in regions],
        )
        models["Condition"] = {"StringEquals": {"bedrock:InferenceProfileArn": profile}}
        return [_allow("AskProfile", RIGHTS["Converse"], profile), models]

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
        return f"arn:{_partition(self._config.region)}:bedrock:{region}"


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _policy(*statements: Statement) -> Policy:
    return {"Version": _VERSION, "Statement": list(statements)}


def _allow(sid: str, right: str, resources: str | Sequence[str]) -> Statement:
    listed = [resources] if isinstance(resources, str) else list(resources)
    return {"Sid": sid, "Effect": "Allow", "Action": [right], "Resource": listed}
