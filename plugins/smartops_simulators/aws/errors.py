"""Errors, with the code and the HTTP status that each service uses for the same problem."""

from __future__ import annotations

from collections.abc import Mapping


class AwsError(Exception):
    """An error response; ``headers`` are sent with it, with ``_`` in place of ``-``."""

    def __init__(self, code: str, message: str = "", status: int = 400, **headers: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class InvalidRequest(AwsError):
    """A request breaks the rules of its service."""


_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
_AUTH_FAILURE = (
    "AuthFailure",
    "AWS was not able to validate the provided access credentials",
    401,
)
_AWAY = "The service is unavailable. Please try again shortly."

_BY_SERVICE: Mapping[str, Mapping[str, tuple[str, str, int]]] = {
    "throttle": {
        "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
        "sts": ("Throttling", "Rate exceeded", 400),
        "ce": ("LimitExceededException", "You have exceeded the limit of requests.", 400),
        "bedrock-runtime": ("ThrottlingException", "Too many requests, please wait.", 429),
        "": ("ThrottlingException", "Rate exceeded", 400),
    },
    "unavailable": {
        "ec2": ("Unavailable", _AWAY, 503),
        "bedrock-runtime": ("ServiceUnavailableException", _AWAY, 503),
        "": ("ServiceUnavailable", _AWAY, 503),
    },
    "expired": {
        "ec2": ("RequestExpired", "Request has expired.", 400),
        "sts": ("ExpiredToken", _EXPIRED, 403),
        "bedrock-runtime": ("ExpiredTokenException", _EXPIRED, 403),
        "": ("ExpiredTokenException", _EXPIRED, 400),
    },
    "invalid": {
        "ec2": _AUTH_FAILURE,
        "sts": ("InvalidClientTokenId", _INVALID, 403),
        "bedrock-runtime": ("UnrecognizedClientException", _INVALID, 403),
        "": ("UnrecognizedClientException", _INVALID, 400),
    },
    "unsigned": {
        "ec2": _AUTH_FAILURE,
        "sts": ("MissingAuthenticationToken", "Missing Authentication Token", 403),
        "": ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
    },
    "capacity": {
        "ec2": (
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity in the Availability Zone you requested.",
            500,
        ),
        "": ("ServiceUnavailableException", _AWAY, 503),
    },
    "quota": {
        "ec2": ("VcpuLimitExceeded", "You have requested more vCPU capacity than allowed.", 400),
        "bedrock-runtime": ("ServiceQuotaExceededException", "Your quota is exceeded.", 400),
        "": ("LimitExceededException", "Your quota is exceeded.", 400),
    },
    "unknown": {
        "ec2": ("InvalidAction", "The action is not valid for this web service.", 400),
        "sts": ("InvalidAction", "The action is not valid for this web service.", 400),
        "": ("UnknownOperationException", "", 400),
    },
}


def error(problem: str, service: str) -> AwsError:
    """Return the error of a service for a problem, a key of the table above."""
    named = _BY_SERVICE[problem]
    return AwsError(*named.get(service, named[""]))
