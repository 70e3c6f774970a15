"""What goes wrong before or after an operation: errors, faults, and denials by IAM."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from smartops import Duration

Kind = Literal[
    "throttle", "unavailable", "expired", "capacity", "quota", "denied", "error",
    "slow", "hang", "drop", "reset",
    "lose", "html", "empty", "malformed", "cut",
]  # fmt: skip
"""The first row are errors in the words of the service, and of the second ``slow`` alone lets the
operation happen after all. The third row happens after the operation was done: the response is
lost, or something else comes in its place."""

_ERRORS: Mapping[str, Mapping[str, tuple[str, int, str]]] = yaml.safe_load(
    files(__package__).joinpath("errors.yaml").read_text(encoding="utf-8")
)

_BECAUSE = {
    "implicit": "because no identity-based policy allows the {} action",
    "explicit": "with an explicit deny in an identity-based policy",
    "scp": "with an explicit deny in a service control policy",
}


class AwsError(Exception):
    """An error response; ``headers`` are sent with it, with ``_`` in place of ``-``."""

    def __init__(self, code: str, message: str = "", status: int = 400, **headers: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class InvalidRequest(AwsError):
    """A request breaks the rules of its service."""


def error(problem: str, service: str) -> AwsError:
    code, status, text = _ERRORS[problem].get(service, _ERRORS[problem]["*"])
    return AwsError(code, text, status)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class _Matching(BaseModel):
    """Patterns of the calls that something is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str = Field(default="*", description="IAM action, such as ec2:Stop*")
    account: str = "*"
    region: str = "*"

    def covers(self, action: str, account: str, region: str) -> bool:
        pairs = ((action, self.action), (account, self.account), (region, self.region))
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)


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
    _calls: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _slow_has_a_delay(self) -> Self:
        if (self.kind == "slow") != (self.delay > timedelta(0)):
            raise ValueError("delay goes with the kind slow, and slow with a delay")
        return self

    def due(self, action: str, account: str, region: str, key: str) -> bool:
        """Return whether it happens to this call, and count the call."""
        if not (self.covers(action, account, region) and fnmatchcase(key, self.key)):
            return False
        number = self._calls - self.after
        self._calls += 1
        return number >= 0 and (self.times is None or number < self.times)

    def error(self, service: str, action: str, caller: str) -> AwsError | None:
        if self.kind == "error":
            return AwsError(self.code, self.message, self.status)
        if self.kind == "denied":
            return Denial(action=action).error(service, action, caller, "*")
        return error(self.kind, service) if self.kind in _ERRORS else None

    def spoiled(self, response: Response) -> Response:
        """Return what comes in place of a response, for the kinds that happen after it."""
        body = response.body
        half = len(body) // 2
        if self.kind == "html":
            page = b"<html><head><title>Sign in</title></head><body>Welcome!</body></html>"
            return Response(200, page, "text/html")
        malformed = body[:half] + b"\0<&" + body[half:]
        bodies = {"empty": b"", "malformed": malformed, "cut": body[:half]}
        return replace(response, body=bodies.get(self.kind, body))


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
        text = f"User: {caller} is not authorized to perform: {action} on resource: {arn} "
        text += _BECAUSE[self.because].format(action)
        if service != "ec2":
            code = "AccessDenied" if service == "sts" else "AccessDeniedException"
            return AwsError(code, text, 400 if service in ("ssm", "ce") else 403)
        words = "You are not authorized to perform this operation."
        if self.worded != "bare":
            blob = urlsafe_b64encode(
                text[::-1].encode() * 4
            ).decode()  # unreadable, as the real one
            words += f" {text}." if self.worded == "full" else ""
            words += f" Encoded authorization failure message: {blob}"
        return AwsError("UnauthorizedOperation", words, 403)
