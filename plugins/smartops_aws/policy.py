"""The least-privilege IAM policy of a configuration.

It is made of the actions that plugins declare: what is not declared cannot be
called, and those of a feature are allowed only where the feature is switched on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .actions import CANCEL, CREATE_TAGS, DELETE_TAGS, REBOOT, SEND, START, STOP
from .config import AccountConfig, AwsConfig, DocumentConfig
from .documents import RAW
from .kit import Action, Policy, Statement, allow, policy_of
from .kit.action import declared


def features(config: AwsConfig, account: AccountConfig) -> frozenset[str]:
    """Return the features that are enabled in an account; those of other plugins always are."""
    on = {
        "": True,
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
    allowed = [action for action in declared() if action.feature in on]
    writer = _Writer(config, account)
    return policy_of(
        allow("Everywhere", writer.anywhere(allowed), "*"),
        *writer.changes(allowed),
        *writer.tags(allowed),
        *(writer.scripts() if "runner" in on else ()),
        *writer.others(allowed),
    )


class _Writer:
    """Writes the statements of one account."""

    def __init__(self, config: AwsConfig, account: AccountConfig) -> None:
        self._config = config
        self._account = account
        self._tag, _, self._value = config.managed_tag.partition("=")

    def anywhere(self, allowed: Iterable[Action]) -> Sequence[str]:
        """Return the actions that have no resources, or only read."""
        read = [item.right for item in allowed if item.on == "*" and not item.changes]
        rest = [item.right for item in allowed if item is CANCEL]
        return list(dict.fromkeys([*read, *rest]))

    def changes(self, allowed: Iterable[Action]) -> Iterable[Statement]:
        rights = [item.right for item in allowed if item in (START, STOP, REBOOT)]
        yield allow("ChangeInstances", rights, self._instances(), self._managed("aws:ResourceTag"))

    def tags(self, allowed: Iterable[Action]) -> Iterable[Statement]:
        """Allow changes of tags, except of the managed tag."""
        rights = [item.right for item in allowed if item in (CREATE_TAGS, DELETE_TAGS)]
        condition = self._managed("aws:ResourceTag")
        if condition:
            condition["ForAllValues:StringNotEquals"] = {"aws:TagKeys": [self._tag]}
            # That holds for no keys too, and DeleteTags without keys removes every tag.
            condition["Null"] = {"aws:TagKeys": "false"}
        yield allow("ChangeTags", rights, self._instances(), condition)

    def scripts(self) -> Iterable[Statement]:
        """Allow sending the documents, and sending to the instances: IAM checks both."""
        documents = [arn for item in self._config.runner.documents for arn in self._arns(item)]
        if self._config.runner.raw_scripts:
            documents += [
                self._arn("ssm", region, f"document/{name}", owner="")
                for name in RAW.values()
                for region in self._account.regions
            ]
        if not documents:
            return
        yield allow("SendDocuments", [SEND.right], documents)
        yield allow(
            "SendToInstances", [SEND.right], self._instances(), self._managed("ssm:resourceTag")
        )

    def others(self, allowed: Iterable[Action]) -> Iterable[Statement]:
        """Allow what other plugins change, or do with certain resources only."""
        for item in allowed:
            if not item.feature and (item.changes or item.on != "*"):
                yield allow(item.operation, [item.right], self._filled(item.on))

    def _filled(self, arn: str) -> Sequence[str]:
        """Return the ARN in every region of the account."""
        account = self._account
        named = {"partition": account.partition, "account": account.number}
        return list(dict.fromkeys(arn.format(region=region, **named) for region in account.regions))

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
