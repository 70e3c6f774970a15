"""The least that SmartOps has to be allowed, as IAM policies, for what is configured.

It is made of the table of actions: what is not there cannot be called, and what
is there is allowed only where the feature it is for is switched on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .actions import ACTIONS, ASSUME, CREATE_TAGS, DELETE_TAGS, SEND, Action, Feature
from .config import AccountConfig, AwsConfig, DocumentConfig
from .documents import RAW

Statement = dict[str, Any]
Policy = dict[str, Any]

_VERSION = "2012-10-17"
_ON_INSTANCES = frozenset({"StartInstances", "StopInstances", "RebootInstances"})


def features(config: AwsConfig, account: AccountConfig) -> frozenset[Feature]:
    """Return what is switched on in an account."""
    on: dict[Feature, bool] = {
        "compute": True,
        "changes": config.changes,
        "tagging": config.tagging,
        "runner": config.runner.enabled,
        "metrics": config.metrics.enabled,
        "costs": config.costs.enabled and account.costs,
    }
    return frozenset(feature for feature, is_on in on.items() if is_on)


def account_policy(config: AwsConfig, account: AccountConfig) -> Policy:
    """Return what has to be allowed in an account: to its role, or to SmartOps itself."""
    on = features(config, account)
    allowed = [action for action in ACTIONS if action.feature in on]
    writer = _Writer(config, account)
    statements = [
        _allow("Everywhere", writer.anywhere(allowed), "*"),
        *(writer.changes(allowed)),
        *(writer.tags(allowed)),
        *(writer.scripts() if "runner" in on else ()),
    ]
    return {"Version": _VERSION, "Statement": [item for item in statements if item["Action"]]}


def bot_policy(config: AwsConfig) -> Policy:
    """Return what has to be allowed to SmartOps itself where accounts have roles."""
    roles = [account.role for account in config.accounts if account.role]
    return {"Version": _VERSION, "Statement": [_allow("AssumeRoles", [ASSUME.right], roles)]}


def trust_policy(account: AccountConfig, principal: str) -> Policy:
    """Return whom the role of an account has to trust: SmartOps, and only it."""
    statement: Statement = {
        "Sid": "SmartOps",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": ASSUME.right,
    }
    if account.external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": account.external_id}}
    return {"Version": _VERSION, "Statement": [statement]}


class _Writer:
    """Writes the statements of one account."""

    def __init__(self, config: AwsConfig, account: AccountConfig) -> None:
        self._config = config
        self._account = account
        self._tag, _, self._value = config.managed_tag.partition("=")

    def anywhere(self, allowed: Iterable[Action]) -> Sequence[str]:
        """Return what knows no resources, or is only looked at."""
        return [
            item.right for item in allowed if not item.changes or item.operation == "CancelCommand"
        ]

    def changes(self, allowed: Iterable[Action]) -> Iterable[Statement]:
        rights = [item.right for item in allowed if item.operation in _ON_INSTANCES]
        yield _allow("ChangeInstances", rights, self._instances(), self._managed("aws:ResourceTag"))

    def tags(self, allowed: Iterable[Action]) -> Iterable[Statement]:
        """Let tags be changed, but not the one that says what may be changed."""
        rights = [item.right for item in allowed if item in (CREATE_TAGS, DELETE_TAGS)]
        condition = self._managed("aws:ResourceTag")
        if condition:
            condition["ForAllValues:StringNotEquals"] = {"aws:TagKeys": [self._tag]}
            # Of no keys at all that holds, too; and that means every tag to DeleteTags.
            condition["Null"] = {"aws:TagKeys": "false"}
        yield _allow("ChangeTags", rights, self._instances(), condition)

    def scripts(self) -> Iterable[Statement]:
        """Let the documents be sent, and let them be sent to the instances: both are asked."""
        documents = [arn for item in self._config.runner.documents for arn in self._arns(item)]
        if self._config.runner.raw_scripts:
            documents += [
                self._arn("ssm", region, f"document/{name}", owner="")
                for name in RAW.values()
                for region in self._account.regions
            ]
        if not documents:
            return
        yield _allow("SendDocuments", [SEND.right], documents)
        yield _allow(
            "SendToInstances", [SEND.right], self._instances(), self._managed("ssm:resourceTag")
        )

    def _arns(self, document: DocumentConfig) -> Sequence[str]:
        if document.name.startswith("arn:"):
            return [document.name]
        owner = "" if document.name.startswith("AWS-") else self._account.number
        path = f"document/{document.name}"
        return [self._arn("ssm", region, path, owner=owner) for region in self._account.regions]

    def _instances(self) -> Sequence[str]:
        owner = self._account.number
        return [
            self._arn("ec2", region, "instance/*", owner=owner) for region in self._account.regions
        ]

    def _arn(self, service: str, region: str, path: str, *, owner: str) -> str:
        return f"arn:{self._account.partition}:{service}:{region}:{owner}:{path}"

    def _managed(self, key: str) -> dict[str, Mapping[str, Any]]:
        return {"StringEquals": {f"{key}/{self._tag}": self._value}} if self._tag else {}


def _allow(
    sid: str,
    rights: Sequence[str],
    resources: str | Sequence[str],
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(rights),
        "Resource": resources if isinstance(resources, str) else list(resources),
    }
    return {**statement, "Condition": dict(condition)} if condition else statement
