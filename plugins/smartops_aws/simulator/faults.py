"""What goes wrong on the way, so many times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .answers import AwsError
from .incidents import Faults


@dataclass(slots=True)
class _Counted:
    fault: Faults
    seen: int = 0


class Trouble:
    """The faults of the scenario, and those made since."""

    def __init__(self, faults: Iterable[Faults]) -> None:
        self._counted = [_Counted(each) for each in faults]

    def add(self, fault: Faults) -> None:
        """Make something go wrong from now on."""
        self._counted.append(_Counted(fault))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._counted.clear()

    def due(self, action: str, account: str, region: str) -> list[Faults]:
        """Return what goes wrong with this call, and count it."""
        found = []
        for counted in self._counted:
            fault = counted.fault
            if not fnmatchcase(action, fault.action):
                continue
            if not (fnmatchcase(account, fault.account) and fnmatchcase(region, fault.region)):
                continue
            counted.seen += 1
            past = counted.seen - fault.after
            if past > 0 and (fault.times is None or past <= fault.times):
                found.append(fault)
        return found


_THROTTLED = {
    "ec2": AwsError("RequestLimitExceeded", "Request limit exceeded.", 503),
    "sts": AwsError("Throttling", "Rate exceeded", 400),
    "ssm": AwsError("ThrottlingException", "Rate exceeded", 400),
    "cloudwatch": AwsError("ThrottlingException", "Rate exceeded", 400, query_code="Throttling"),
    "ce": AwsError(
        "LimitExceededException",
        "You have exceeded the limit of requests. Please try again later.",
        400,
    ),
    "bedrock-runtime": AwsError(
        "ThrottlingException", "Too many requests, please wait before trying again.", 429
    ),
}


def failure(service: str, fault: Faults) -> AwsError:
    """Return the error that a fault of the kind ``throttle`` or ``error`` stands for."""
    if fault.kind == "throttle":
        like = _THROTTLED[service]
        return AwsError(like.code, like.message, like.status, query_code=like.query_code)
    return AwsError(fault.code, fault.message, fault.status)


def unavailable(service: str) -> AwsError:
    """Return what a service says while its region is in trouble."""
    code = "Unavailable" if service == "ec2" else "ServiceUnavailable"
    if service == "bedrock-runtime":
        code = "ServiceUnavailableException"
    return AwsError(code, "The service is unavailable. Please try again shortly.", 503)
