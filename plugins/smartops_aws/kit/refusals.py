"""Refusals for the faults of AWS: which refusal, in which words, with which remedy.

The codes are matched, never the SDK's exception classes, since half of the
services have none of their own. No ARN and no encoded blob gets into a reply;
the log has the whole text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from smartops import (
    BackendUnavailable,
    InstanceNotFound,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)

from .action import ASSUME, IDENTITY, Action
from .faults import Fault

RETRY_AFTER = 5
"""Seconds to wait after throttling, where AWS does not say how long."""

_DENIED = r"AccessDenied(Exception)?|Unauthorized(Operation|Access)"
_CREDENTIALS = re.compile(
    r"AuthFailure|ExpiredToken(Exception)?|IncompleteSignature(Exception)?|InvalidAccessKeyId|"
    r"InvalidClientTokenId|InvalidSignatureException|MissingAuthenticationToken(Exception)?|"
    r"RequestExpired|SignatureDoesNotMatch|UnrecognizedClientException"
)
_THROTTLED = (
    r"BandwidthLimitExceeded|EC2ThrottledException|LimitExceededException|PriorRequestNotComplete|"
    r"RequestLimitExceeded|RequestThrottled(Exception)?|SlowDown|Thrott(ling|lingException)|"
    r"ThrottledException|TooManyRequestsException"
)
_NO_CAPACITY = r"Insufficient(Instance|Host|ReservedInstance)?Capacity"
_HARMLESS = re.compile(f"{_THROTTLED}|{_NO_CAPACITY}")
_QUOTAS = {
    "InstanceLimitExceeded": "running instances",
    "MaxSpotInstanceCountExceeded": "Spot Instances",
    "VcpuLimitExceeded": "vCPUs",
}
_INVALID = (
    r"(Document|Tag)LimitExceeded|DuplicateInstanceId|IncorrectInstanceState|MissingParameter|"
    r"MaxDocumentSizeExceeded|OperationNotPermitted|Unsupported(Operation|PlatformType)|"
    r"Validation(Error|Exception)"
)

_SAID: dict[str, str] = {
    "IncorrectInstanceState": "The instance is in a state that does not allow this",
    "InvalidCommandId": "There is no such run",
    "InvalidDocument": "There is no such Command document",
    "OperationNotPermitted": "The instance is protected against this",
    "TagLimitExceeded": "The instance has as many tags as it can have",
    "UnsupportedOperation": "The instance does not support this",
    "UnsupportedPlatformType": "The script does not run on this platform",
}

_ARN = re.compile(r"arn:aws[\w-]*:[^\s,;'\"]+")
_BLOB = re.compile(r"\s*Encoded authorization failure message: ?\S+", re.IGNORECASE)
_NEEDED = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_INSTANCE_ID = re.compile(r"\bm?i-[0-9A-Za-z]+\b")
_TYPE_AND_ZONE = re.compile(r"sufficient (\S+) capacity in the Availability Zone .*?\((\S+?)\)")
_LONGEST = 300

_BEFORE = {action.operation: action for action in (ASSUME, IDENTITY)}
"""Operations of STS that are called before the requested one."""


class SsmUnavailable(BackendUnavailable):
    """The agent that runs scripts on an instance does not answer."""

    code = "SSM_UNAVAILABLE"


def refusal(fault: Fault, action: Action) -> Refusal:
    """Return the refusal for a fault, in words for people; ``reason`` has the text of AWS."""
    failed = _BEFORE.get(fault.operation, action)
    refused = _worded(fault, failed) or _unavailable(fault, action)
    refused.reason = f"{failed.right}: {fault}"
    if isinstance(refused, BackendUnavailable):
        refused.undone = certainly_undone(fault)
    return refused


def is_credentials(fault: Fault) -> bool:
    """Whether an operator has to correct the credentials."""
    return fault.cause in ("account", "credentials") or bool(_CREDENTIALS.fullmatch(fault.code))


def certainly_undone(fault: Fault) -> bool:
    """Whether a change that failed like this certainly had no effect."""
    if fault.operation in _BEFORE:
        return True
    if fault.cause == "service":
        return fault.status < 500 or bool(_HARMLESS.fullmatch(fault.code))
    return fault.cause not in ("unanswered", "unreadable")


def clean(text: str) -> str:
    """Return a text of AWS without ARNs and blobs, in one line of bounded length."""
    text = _ARN.sub("(ARN)", _BLOB.sub("", text))
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _worded(fault: Fault, action: Action) -> Refusal | None:
    """Return the refusal for a fault that has words of its own."""
    if fault.cause == "account":
        return BackendUnavailable(
            fault.message,
            details="Nothing is asked or changed there. Correct account:, profile: or role: of it "
            "in plugins.aws.accounts, or the credentials",
        )
    if is_credentials(fault):
        return _bad_credentials(fault)
    if fault.cause == "parameters":
        return ValidationFailed("AWS would not take this", details=clean(fault.message))
    if fault.cause != "service":
        return None
    words = next((words for codes, words in _WORDS if re.fullmatch(codes, fault.code)), None)
    if words is None and 400 <= fault.status < 500 and fault.code.startswith("Invalid"):
        words = _invalid
    return words(fault, action) if words else None


def _denied(fault: Fault, action: Action) -> Refusal:
    named = _NEEDED.search(fault.message)
    details = f"Required IAM action: {named[1] if named else action.right}"
    if action is ASSUME:
        details += (
            ". It looks the same if there is no such role, if it does not trust SmartOps, and if "
            "it wants another external_id"
        )
    if "explicit deny" in fault.message:
        policy = "a service control policy" if "service control" in fault.message else "a policy"
        details += (
            f". {policy.capitalize()} denies it explicitly, so that allowing it will not help"
        )
    return PermissionDenied(f"Insufficient permissions to {action.wanted}", details=details)


def _bad_credentials(fault: Fault) -> Refusal:
    if fault.cause == "credentials":
        return PermissionDenied(
            "SmartOps has no AWS credentials",
            details=f"{fault.code}: the operator of SmartOps has to provide some, by a role, a "
            "profile or the environment; no permission is missing",
        )
    return PermissionDenied(
        "The AWS credentials of SmartOps are not accepted",
        details=f"{fault.code}: the operator of SmartOps has to check them; "
        "no permission is missing",
    )


def _throttled(fault: Fault, action: Action) -> Refusal:
    return RateLimited(
        f"AWS is throttling requests to {action.wanted}",
        details=f"{fault.code}: {action.right}",
        retry_after=max(1, math.ceil(fault.retry_after or RETRY_AFTER)),
    )


def _not_found(fault: Fault, _: Action) -> Refusal:
    ids = ", ".join(dict.fromkeys(_INSTANCE_ID.findall(fault.message)))
    return InstanceNotFound(f"There is no instance {ids}".rstrip(), details=fault.code)


def _no_agent(fault: Fault, _: Action) -> Refusal:
    ids = ", ".join(dict.fromkeys(_INSTANCE_ID.findall(fault.message)))
    return SsmUnavailable(
        f"The SSM agent of {ids or 'an instance'} does not answer",
        details="InvalidInstanceId: the instance is not running, its agent is not running or not "
        "registered, or SmartOps may not reach it",
    )


def _invalid(fault: Fault, action: Action) -> Refusal:
    words = _SAID.get(fault.code) if action.service in ("ec2", "ssm") else None
    details = f"{fault.code}: {clean(fault.message)}"
    return ValidationFailed(words or "AWS would not take this", details=details)


def _unavailable(fault: Fault, action: Action) -> Refusal:
    what = {
        "skipped": "AWS did not answer, so it is skipped for now and not asked",
        "unreached": "AWS cannot be reached",
        "unanswered": "AWS did not answer",
        "unreadable": "AWS gave no valid answer",
    }.get(fault.cause, "AWS failed")
    details = f"{fault.code} from {_BEFORE.get(fault.operation, action).right}"
    if fault.code == "ProxyConnectionError":
        details += f". {clean(fault.message)}"
    if action.changes:
        details += (
            ". Nothing was done"
            if certainly_undone(fault)
            else ". It may or may not have happened: check the target's state before you retry"
        )
    return BackendUnavailable(f"{what} to {action.wanted}", details=details)


def _no_capacity(fault: Fault, _: Action) -> Refusal:
    found = _TYPE_AND_ZONE.search(fault.message)
    what = f" for {found[1]} in {found[2]}" if found else ""
    return BackendUnavailable(
        f"AWS has no capacity{what} now; nothing was started",
        details=f"{fault.code}: try again later, or use another instance type or zone",
    )


def _no_quota(fault: Fault, _: Action) -> Refusal:
    return ValidationFailed(
        f"The AWS account's quota of {_QUOTAS[fault.code]} does not allow this",
        details=f"{fault.code}: {clean(fault.message)}",
    )


def _not_enabled(fault: Fault, action: Action) -> Refusal:
    return PermissionDenied(
        f"Cannot {action.wanted}: the region is not enabled in the AWS account",
        details=f"{fault.code}: an administrator of the account has to enable it; "
        "no permission is missing",
    )


def _no_bill(fault: Fault, _: Action) -> Refusal:
    return BackendUnavailable(
        "There are no costs available yet",
        details=f"{fault.code}: Cost Explorer has to be enabled a day before",
    )


_WORDS: tuple[tuple[str, Callable[[Fault, Action], Refusal]], ...] = (
    (_DENIED, _denied),
    ("OptInRequired", _not_enabled),
    (_NO_CAPACITY, _no_capacity),
    ("|".join(_QUOTAS), _no_quota),
    (_THROTTLED, _throttled),
    (r"InvalidInstanceID\.NotFound", _not_found),
    ("InvalidInstanceId", _no_agent),
    ("DataUnavailableException|BillExpirationException", _no_bill),
    (_INVALID, _invalid),
)
