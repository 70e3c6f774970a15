"""The credentials that sign a call: those of SmartOps, or of a session of a role."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions as sdk_errors
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
)
from cachetools import LRUCache

from smartops import Clock

from .account import Access
from .action import ASSUME, IDENTITY
from .asking import ask
from .faults import Fault
from .person import BOT

current_session: ContextVar[str] = ContextVar("smartops_aws_session", default=BOT)
current_region: ContextVar[str] = ContextVar("smartops_aws_region")

_MOST_SESSIONS = 256
_METHOD = "assume-role"
_SESSION_SECONDS = 3600  # as long as one role may hold another

StsClient = Callable[..., Any]
"""Creates a client of STS in a region, for an access key."""


class Chosen(Credentials):  # type: ignore[misc]  # untyped
    """The credentials of the calling thread's session; one client serves all people."""

    def __init__(self, session: Any, sts: StsClient, access: Access, clock: Clock) -> None:
        super().__init__("", "", method="smartops")
        self.base = _Base(session, access)
        self._role = _Role(access, self.base, sts, clock) if access.credentials.role else None
        self._owner = _Owner(access, sts) if access.number and not self._role else None

    def load_credentials(self) -> Any:
        """Return itself, as the credential provider of a session."""
        return self

    def get_frozen_credentials(self) -> Any:
        """Return the credentials to sign with; raises Fault."""
        if self._role:
            return self._role.frozen(current_session.get(), current_region.get())
        found = self.base.get_frozen_credentials()
        return self._owner.checked(found, current_region.get()) if self._owner else found


class _Base:
    """The credentials of SmartOps, from the account's profile or the usual chain of the SDK.

    A simulator on this machine gets made-up keys.
    """

    def __init__(self, session: Any, access: Access) -> None:
        self._chain = session.get_component("credential_provider")
        self.found: Any = None
        if access.is_local:
            key = "smartops" if access.credentials.role else access.number
            self.found = Credentials(key or "look-alike", "look-alike")

    def get_frozen_credentials(self) -> Any:
        if self.found is None:
            self.found = self._chain.load_credentials()
        if self.found is None:
            raise sdk_errors.NoCredentialsError
        return self.found.get_frozen_credentials()


@dataclass(slots=True)
class _Session:
    """A session: the newest answer of AssumeRole, and the credentials that renew it, by region."""

    newest: dict[str, Any] = field(default_factory=dict)
    by_region: dict[str, Any] = field(default_factory=dict)


class _Role:
    """The role of an account, assumed once for each session name and renewed in time.

    It is assumed in the region of the call, and other regions use that session,
    so that an outage of one region does not block the others.
    """

    def __init__(self, access: Access, base: _Base, sts: StsClient, clock: Clock) -> None:
        self._access = access
        self._base = base
        self._sts = sts
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: LRUCache[str, _Session] = LRUCache(_MOST_SESSIONS)

    def frozen(self, name: str, region: str) -> Any:
        with self._lock:
            session = self._sessions.setdefault(name, _Session())
            if region not in session.by_region:
                session.by_region[region] = self._renewable(name, region, session.newest)
            found = session.by_region[region]
        try:
            return found.get_frozen_credentials()
        except RuntimeError as error:  # what the SDK raises for what is new and has expired
            raise sdk_errors.CredentialRetrievalError(
                provider=_METHOD, error_msg=f"{error} Is the clock of this machine right?"
            ) from error

    def _renewable(self, name: str, region: str, newest: dict[str, Any]) -> Any:
        external_id = self._access.credentials.external_id
        fetcher = AssumeRoleCredentialFetcher(
            lambda _, **keys: _Assuming(self._sts(region, **keys)),
            self._base,
            self._access.credentials.role,
            extra_args={
                "RoleSessionName": name,
                "DurationSeconds": _SESSION_SECONDS,
                **({"ExternalId": external_id} if external_id else {}),
            },
            cache=newest,
        )
        return DeferredRefreshableCredentials(
            fetcher.fetch_credentials, _METHOD, time_fetcher=self._clock.now
        )


class _Assuming:
    """A client of STS for one AssumeRole, which fails with a Fault."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def assume_role(self, **parameters: Any) -> Mapping[str, Any]:
        try:
            return ask(self._client, ASSUME, parameters)
        finally:
            self._client.close()


class _Owner:
    """Makes sure that the credentials of SmartOps belong to the account of the configuration.

    AWS is asked once for each access key, in the region where it is first used.
    """

    def __init__(self, access: Access, sts: StsClient) -> None:
        self._access = access
        self._sts = sts
        self._locks: dict[str, threading.Lock] = {}
        self._found = ("", "")

    def checked(self, credentials: Any, region: str) -> Any:
        """Return the credentials; raises Fault if they belong to another account."""
        with self._locks.setdefault(region, threading.Lock()):  # a region that hangs holds no other
            key, number = self._found
            if key != credentials.access_key:
                number = self._account_of(credentials, region)
                self._found = (credentials.access_key, number)
        if number != self._access.number:
            raise Fault(
                "account",
                "WrongAccount",
                f"The credentials for {self._access.name} belong to the AWS account {number}, "
                f"not to {self._access.number}",
                operation=IDENTITY.operation,
            )
        return credentials

    def _account_of(self, credentials: Any, region: str) -> str:
        client = self._sts(
            region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
        )
        try:
            return str(ask(client, IDENTITY, {})["Account"])
        finally:
            client.close()
