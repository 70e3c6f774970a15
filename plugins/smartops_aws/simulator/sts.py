"""STS: who somebody is, and roles of other accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from .answers import AwsError
from .identity import Caller
from .request import Request
from .scenario import Role

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:[\w+=,.@-]+/)*([\w+=,.@-]+)")


def get_caller_identity(request: Request) -> dict[str, Any]:
    """Tell who calls."""
    caller = request.caller
    return {"UserId": caller.id, "Account": caller.account, "Arn": caller.arn}


def assume_role(request: Request) -> dict[str, Any]:
    """Hand out credentials of a role, to those it trusts."""
    params = request.params
    arn, name = params["RoleArn"], params["RoleSessionName"]
    found = _ROLE.fullmatch(arn)
    if found is None:
        raise AwsError("ValidationError", f"{arn} is invalid")
    account, role = found.groups()
    trusted = _trusted(request, account, role)
    lasts = timedelta(seconds=params.get("DurationSeconds", 3600))
    if lasts > trusted.longest:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    role_id = f"AROA{account}{role.upper()[:8]}"
    caller = Caller(account, f"assumed-role/{role}/{name}", f"{role_id}:{name}")
    session = request.cloud.keys.hand_out(caller, lasts, request.moment)
    return {
        "Credentials": {
            "AccessKeyId": session.key,
            "SecretAccessKey": session.secret,
            "SessionToken": session.token,
            "Expiration": session.expires,
        },
        "AssumedRoleUser": {"AssumedRoleId": caller.id, "Arn": caller.arn},
        "PackedPolicySize": 6,
    }


def _trusted(request: Request, account: str, role: str) -> Role:
    settings = request.cloud.scenario.accounts.get(account)
    if settings is not None:
        wanted = settings.roles.get(role, None if settings.roles else Role())
        if wanted is not None and _trusts(wanted, request):
            return wanted
    raise AwsError(
        "AccessDenied",
        f"User: {request.caller.arn} is not authorized to perform: sts:AssumeRole "
        f"on resource: {request.params['RoleArn']}",
        403,
    )


def _trusts(role: Role, request: Request) -> bool:
    if role.accounts and request.caller.account not in role.accounts:
        return False
    return not role.external_id or request.params.get("ExternalId") == role.external_id


OPERATIONS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {
    "GetCallerIdentity": get_caller_identity,
    "AssumeRole": assume_role,
}
