"""Who calls: the access key of a request, the account and the region that it names."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from .answers import AwsError
from .scenario import Scenario

_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=[^,]+, ?Signature=[0-9a-f]{64}"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is for."""

    key: str
    region: str
    service: str


def scope(authorization: str) -> Scope | None:
    """Read the Authorization header of a signed request; None if it is none."""
    found = _SCOPE.fullmatch(authorization.strip())
    return Scope(found["key"], found["region"], found["service"]) if found else None


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with credentials: ``name`` is ``user/NAME`` or ``assumed-role/ROLE/SESSION``."""

    account: str
    name: str
    id: str

    @property
    def arn(self) -> str:
        """What AWS calls them."""
        service = "sts" if self.name.startswith("assumed-role/") else "iam"
        return f"arn:aws:{service}::{self.account}:{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """Credentials that were handed out, and until when."""

    key: str
    secret: str
    token: str
    caller: Caller
    expires: datetime


class Keys:
    """All access keys: those of the scenario, and those handed out since."""

    def __init__(self, scenario: Scenario) -> None:
        self._named = scenario.keys
        self._accounts = scenario.accounts
        self._first = next(iter(scenario.accounts))
        self._sessions: dict[str, Session] = {}
        self._lapsed: list[str] = []

    def expire(self, key: str) -> None:
        """Let keys be expired from now on: one, or those of a pattern such as ``ASIA*``."""
        self._lapsed.append(key)

    def renew(self) -> None:
        """Let those keys be good again."""
        self._lapsed.clear()

    def caller(self, service: str, key: str, token: str, now: datetime) -> Caller:
        """Return whose key it is; raises AwsError if it does not let anybody in.

        Secrets are not compared: whoever has reached this port may come in.
        """
        if any(fnmatchcase(key, each) for each in self._lapsed):
            raise expired(service)
        session = self._sessions.get(key)
        if session is not None:
            if session.token != token:
                raise invalid(service)
            if now >= session.expires:
                raise expired(service)
            return session.caller
        named = self._named.get(key)
        if key.startswith("ASIA") and named is None:
            raise invalid(service)
        if named is None:
            account = key if key in self._accounts else self._first
            return Caller(account, "user/smartops", f"AIDA{account}SMARTOPS")
        if named.disabled:
            raise invalid(service)
        if named.expired:
            raise expired(service)
        return Caller(named.account, f"user/{named.user}", f"AIDA{named.account}{named.user}")

    def hand_out(self, caller: Caller, lasts: timedelta, now: datetime) -> Session:
        """Make credentials for an assumed role."""
        session = Session(
            key="ASIA" + secrets.token_hex(8).upper(),
            secret=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(120),
            caller=caller,
            expires=(now + lasts).astimezone(UTC),
        )
        self._sessions[session.key] = session
        return session


_UNKNOWN = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"


def invalid(service: str) -> AwsError:
    """Return how a service refuses a key that it does not know."""
    if service == "ec2":
        text = "AWS was not able to validate the provided access credentials"
        return AwsError("AuthFailure", text, 401)
    if service == "sts":
        return AwsError("InvalidClientTokenId", _UNKNOWN, 403)
    status = 403 if service == "bedrock-runtime" else 400
    return AwsError(
        "UnrecognizedClientException",
        _UNKNOWN,
        status,
        query_code=_older(service, "InvalidClientTokenId"),
    )


def expired(service: str) -> AwsError:
    """Return how a service refuses credentials whose time is over."""
    if service == "ec2":
        return AwsError("RequestExpired", "Request has expired.", 400)
    if service == "sts":
        return AwsError("ExpiredToken", _EXPIRED, 403)
    status = 403 if service == "bedrock-runtime" else 400
    return AwsError(
        "ExpiredTokenException", _EXPIRED, status, query_code=_older(service, "ExpiredToken")
    )


def unsigned(service: str) -> AwsError:
    """Return how a service refuses a request that nobody signed."""
    if service == "ec2":
        return invalid("ec2")
    code = "MissingAuthenticationToken" + ("" if service == "sts" else "Exception")
    return AwsError(code, "Missing Authentication Token", 403 if service == "sts" else 400)


def _older(service: str, code: str) -> str:
    return code if service == "cloudwatch" else ""
