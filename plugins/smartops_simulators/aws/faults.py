"""What goes wrong on the way to an operation or back: faults, and denials by IAM."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import count
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartops import Duration

from .errors import AwsError, error
from .wire import Response

Kind = Literal[
    "throttle", "unavailable", "expired", "capacity", "quota", "denied", "error",
    "slow", "hang", "drop", "reset",
    "lose", "html", "empty", "malformed", "cut",
]  # fmt: skip
"""The first row are errors in the words of the service, and of the second ``slow`` alone lets the
operation happen after all. The third row happens after the operation was done: the response is
lost, or something else comes in its place."""

AFTER = ("lose", "html", "empty", "malformed", "cut")


class _Matching(BaseModel):
    """Patterns of the calls that something is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str = Field(default="*", description="IAM action, such as ec2:Stop*")
    account: str = "*"
    region: str = "*"

    def covers(self, action: str, account: str, region: str) -> bool:
        """Whether a call is one of those."""
        return (
            fnmatchcase(action, self.action)
            and fnmatchcase(account, self.account)
            and fnmatchcase(region, self.region)
        )


class Fault(_Matching):
    """Something that goes wrong; at most ``times``, and not for the first ``after`` calls."""

    kind: Kind
    key: str = Field(default="*", description="pattern of the access key")
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    code: str = Field(default="InternalFailure", description="of the kind error, as the next two")
    message: str = "The request processing has failed because of an unknown error."
    status: int = Field(default=500, ge=400, le=599)
    delay: Duration = Field(default=timedelta(0), description="of the kind slow")

    @model_validator(mode="after")
    def _slow_has_a_delay(self) -> Self:
        if (self.kind == "slow") != (self.delay > timedelta(0)):
            raise ValueError("delay goes with the kind slow, and slow with a delay")
        return self

    def error(self, service: str, action: str, caller: str) -> AwsError | None:
        """Return the error of the kinds that are one."""
        if self.kind == "error":
            return AwsError(self.code, self.message, self.status)
        if self.kind == "denied":
            return Denial(action=action).error(service, action, caller, "*")
        is_error = self.kind in ("throttle", "unavailable", "expired", "capacity", "quota")
        return error(self.kind, service) if is_error else None

    def spoiled(self, response: Response) -> Response:
        """Return what comes in place of a response."""
        body = response.body
        half = len(body) // 2
        if self.kind == "html":
            page = b"<html><head><title>Sign in</title></head><body>Welcome!</body></html>"
            return Response(200, page, "text/html")
        bodies = {"empty": b"", "malformed": body[:half] + b"\0<&" + body[half:]}
        return replace(response, body=bodies.get(self.kind, body[:half]))


class Faults:
    """The faults there are, each with a counter of the calls it has seen."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._counted = [(fault, count()) for fault in faults]

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._counted.append((fault, count()))

    def clear(self) -> None:
        """Remove all faults."""
        self._counted.clear()

    def due(self, action: str, account: str, region: str, key: str) -> Sequence[Fault]:
        """Return the faults of this call, and count it."""
        due = []
        for fault, counter in self._counted:
            if fault.covers(action, account, region) and fnmatchcase(key, fault.key):
                number = next(counter) - fault.after
                if number >= 0 and (fault.times is None or number < fault.times):
                    due.append(fault)
        return due


_BECAUSE = {
    "implicit": "because no identity-based policy allows the {} action",
    "explicit": "with an explicit deny in an identity-based policy",
    "scp": "with an explicit deny in a service control policy",
}


class Denial(_Matching):
    """Something that IAM does not allow, except for instances with all of ``unless_tags``.

    ``worded`` chooses among the texts that EC2 has.
    """

    resource: str = Field(default="*", description="pattern of the ARN")
    unless_tags: Mapping[str, str] = {}
    because: Literal["implicit", "explicit", "scp"] = "implicit"
    worded: Literal["full", "blob", "bare"] = "full"

    def denies(self, arn: str, tags: Mapping[str, str] | None) -> bool:
        """Whether it is about a resource; ``tags`` are None if it is no instance."""
        excepted = self.unless_tags and (tags is None or self.unless_tags.items() <= tags.items())
        return fnmatchcase(arn, self.resource) and not excepted

    def error(self, service: str, action: str, caller: str, arn: str) -> AwsError:
        """Return the refusal, in the words of the service."""
        text = f"User: {caller} is not authorized to perform: {action} on resource: {arn} "
        text += _BECAUSE[self.because].format(action)
        if service == "ec2":
            return AwsError("UnauthorizedOperation", self._of_ec2(text), 403)
        code = "AccessDenied" if service == "sts" else "AccessDeniedException"
        return AwsError(code, text, 400 if service in ("ssm", "ce") else 403)

    def _of_ec2(self, text: str) -> str:
        bare = "You are not authorized to perform this operation."
        blob = urlsafe_b64encode(text[::-1].encode() * 4).decode()  # unreadable, as the real one
        if self.worded == "bare":
            return bare
        full = f" {text}." if self.worded == "full" else ""
        return f"{bare}{full} Encoded authorization failure message: {blob}"
