"""IAM policies and their statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .action import ASSUME

Statement = dict[str, Any]
Policy = dict[str, Any]


def policy_of(*statements: Statement) -> Policy:
    """Return a policy of the statements that allow something."""
    allowing = [item for item in statements if item["Action"]]
    return {"Version": "2012-10-17", "Statement": allowing}


def allow(
    sid: str,
    rights: Sequence[str],
    resources: str | Sequence[str],
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    """Return a statement that allows the rights."""
    listed = [resources] if isinstance(resources, str) else list(resources)
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(rights),
        "Resource": "*" if listed == ["*"] else listed,
    }
    return {**statement, "Condition": dict(condition)} if condition else statement


def role_policy(sid: str, roles: str | Sequence[str]) -> Policy:
    """Return what SmartOps itself has to be allowed where roles are assumed."""
    return policy_of(allow(sid, [ASSUME.right], roles))


def trust_policy(external_id: str, principal: str) -> Policy:
    """Return the trust policy of a role: only SmartOps may assume it."""
    statement: Statement = {
        "Sid": "SmartOps",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": ASSUME.right,
    }
    if external_id:
        statement["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return policy_of(statement)
