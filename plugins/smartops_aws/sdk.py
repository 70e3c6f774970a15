"""The AWS SDK: sessions, credentials and clients. It is untyped, so it is used nowhere else.

Everything here blocks and is called in worker threads. Clients may be shared by
threads; sessions, and the making of clients, may not.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.exceptions as sdk_errors
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.loaders import Loader

from smartops import Clock, __version__

from .actions import ACTIONS, Action, Kind
from .config import AccountConfig, AwsConfig, is_loopback
from .faults import Cause, Fault
from .parsing import Listener
from .person import BOT

_ATTEMPTS: Mapping[Kind, int] = {"read": 3, "change": 2, "once": 1}
_REGIONAL = frozenset({"ec2", "ssm", "cloudwatch"})
_MOST_SESSIONS = 256
_METHOD = "assume-role"
_SESSION_SECONDS = 3600  # as long as one role may hold another

_making = threading.Lock()
_session_name: ContextVar[str] = ContextVar("smartops_aws_session", default="")

_UNKNOWN: Cause = "unanswered"
_CAUSES: tuple[tuple[Any, Cause], ...] = (
    (sdk_errors.NoCredentialsError, "credentials"),
    (sdk_errors.PartialCredentialsError, "credentials"),
    (sdk_errors.CredentialRetrievalError, "credentials"),
    (sdk_errors.ProfileNotFound, "credentials"),
    (sdk_errors.SSOError, "credentials"),
    (sdk_errors.TokenRetrievalError, "credentials"),
    (sdk_errors.ParamValidationError, "parameters"),
    (sdk_errors.ConnectTimeoutError, "unreached"),
    (sdk_errors.EndpointConnectionError, "unreached"),
    (sdk_errors.ProxyConnectionError, "unreached"),
    (sdk_errors.EndpointProviderError, "unreached"),
)
"""Exceptions of the SDK and what they mean; with any other, nobody knows how far it came."""


def _in_a_line(record: logging.LogRecord) -> bool:
    """Let the SDK tell of a failed renewal in a line, if nothing else does.

    It does so with pages of traceback, and also where the call fails for it: as a Fault.
    """
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()} {record.exc_info[1]}", ()
        record.exc_info = record.exc_text = None
    return "mandatory" not in record.msg


logging.getLogger("botocore.credentials").addFilter(_in_a_line)


class Sdk:
    """One account: its credentials, and its clients by region, service and number of attempts."""

    def __init__(self, account: AccountConfig, config: AwsConfig, clock: Clock) -> None:
        self._account = account
        self._config = config
        self._clock = clock
        self._clients: dict[tuple[str, str, Kind], Any] = {}
        self._session: Any = None

    @property
    def session(self) -> Any:
        """The botocore session that all clients of the account are made of."""
        with _making:
            return self._made_session()

    def call(
        self, region: str, action: Action, parameters: Mapping[str, Any], session: str = BOT
    ) -> Mapping[str, Any]:
        """Call an operation and return what it answers; raises Fault.

        ``session`` is the name of the role session it is done in, where the
        account has a role.
        """
        token = _session_name.set(session)
        try:
            client = self._client(region, action)
            method = getattr(client, botocore.xform_name(action.operation))
            result: Mapping[str, Any] = method(**parameters)
        except sdk_errors.ClientError as error:
            raise _refused(error) from error
        except sdk_errors.BotoCoreError as error:
            raise _failed(error, action) from error
        finally:
            _session_name.reset(token)
        return result

    def warm(self, region: str) -> None:
        """Make the clients that read in a region; what cannot be made says so when it is used."""
        with suppress(sdk_errors.BotoCoreError):
            for action in ACTIONS:
                if action.service in _REGIONAL and action.kind == "read":
                    self._client(region, action)

    def close(self) -> None:
        """Close the connections that were kept open."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, region: str, action: Action) -> Any:
        key = (region, action.service, action.kind)
        if key not in self._clients:
            with _making:
                if key not in self._clients:
                    self._clients[key] = self._made_client(*key)
        return self._clients[key]

    def _made_client(self, region: str, service: str, kind: Kind) -> Any:
        client = self._made_session().create_client(
            service,
            region_name=region,
            endpoint_url=self._config.endpoint or None,
            config=_client_config(self._config, service, kind),
        )
        if service == "ec2":
            client.meta.events.register(
                "before-parse.ec2.DescribeInstances", Listener(self._account.backend(region))
            )
        return client

    def _made_session(self) -> Any:
        if self._session is None:
            session = botocore.session.Session(profile=self._account.profile or None)
            session.register_component("data_loader", _loader())
            factory = session.get_component("response_parser_factory")
            factory.set_parser_defaults(timestamp_parser=_moment)
            chosen = _Chosen(_Base(session, self._account, self._config))
            session.register_component("credential_provider", _Resolver(chosen))
            if self._account.role is not None:
                chosen.role = _Role(self._account, self._sts_client(session), self._clock)
            self._session = session
        return self._session

    def _sts_client(self, session: Any) -> Any:
        return session.create_client(
            "sts",
            region_name=self._account.regions[0],
            endpoint_url=self._config.endpoint or None,
            config=_client_config(self._config, "sts", "read"),
        )


class _Base:
    """Who SmartOps is: what the account's profile, or the usual chain of the SDK, finds.

    A look-alike on this machine is given made-up keys instead: it must not see real ones.
    """

    def __init__(self, session: Any, account: AccountConfig, config: AwsConfig) -> None:
        self._chain = session.get_component("credential_provider")
        self._found: Any = None
        if config.endpoint and is_loopback(config.endpoint):
            key = "smartops" if account.role else account.number
            self._found = Credentials(key, "look-alike")

    def frozen(self) -> Any:
        if self._found is None:
            self._found = self._chain.load_credentials()
        if self._found is None:
            raise sdk_errors.NoCredentialsError
        return self._found.get_frozen_credentials()


class _Role:
    """The role of an account, assumed once for each session name and renewed in time."""

    def __init__(self, account: AccountConfig, client: Any, clock: Clock) -> None:
        self._account = account
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Any] = OrderedDict()

    def frozen(self, name: str) -> Any:
        with self._lock:
            if name not in self._sessions:
                self._sessions[name] = DeferredRefreshableCredentials(
                    refresh_using=lambda: self._assume(name),
                    method=_METHOD,
                    time_fetcher=self._clock.now,
                )
                if len(self._sessions) > _MOST_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(name)
            session = self._sessions[name]
        try:
            return session.get_frozen_credentials()
        except RuntimeError as error:  # the SDK's word for what is new and has expired already
            raise sdk_errors.CredentialRetrievalError(
                provider=_METHOD, error_msg=f"{error} Is the clock of this machine right?"
            ) from error

    def _assume(self, name: str) -> Mapping[str, str]:
        extra = {"ExternalId": self._account.external_id} if self._account.external_id else {}
        token = _session_name.set("")  # this one call is made as who SmartOps is
        try:
            answer = self._client.assume_role(
                RoleArn=self._account.role,
                RoleSessionName=name,
                DurationSeconds=_SESSION_SECONDS,
                **extra,
            )["Credentials"]
        finally:
            _session_name.reset(token)
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }


class _Chosen(Credentials):  # type: ignore[misc]  # untyped
    """Credentials of the session that the calling thread works in.

    So one client serves everybody, instead of one for each person.
    """

    def __init__(self, base: _Base) -> None:
        super().__init__("", "", method="smartops")
        self._base = base
        self.role: _Role | None = None

    def get_frozen_credentials(self) -> Any:
        name = _session_name.get()
        return self.role.frozen(name) if self.role and name else self._base.frozen()


class _Resolver:
    """What a session asks for its credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


@cache
def _loader() -> Any:
    """Return the one loader of service models: each is read and kept once for all accounts."""
    return Loader()


def _moment(value: Any) -> datetime:
    """Read a moment in a fortieth of the time that the SDK's own reader takes; it is in UTC."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromtimestamp(float(value), UTC)
        return datetime.fromisoformat(value).astimezone(UTC)
    return datetime.fromtimestamp(value, UTC)


def _client_config(config: AwsConfig, service: str, kind: Kind) -> Any:
    return Config(
        connect_timeout=config.limits.connect.total_seconds(),
        read_timeout=config.limits.read.total_seconds(),
        max_pool_connections=config.limits.threads,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS[kind]},
        parameter_validation=service != "cloudwatch",  # hundreds of queries, and they are ours
        user_agent_extra=f"smartops/{__version__}",
    )


def _refused(error: Any) -> Fault:
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    wait = meta.get("HTTPHeaders", {}).get("retry-after", "")
    return Fault(
        "service",
        str(told.get("Code", "")),
        str(told.get("Message", "")),
        operation=error.operation_name,
        status=meta.get("HTTPStatusCode", 0),
        retry_after=float(wait) if wait.isdecimal() else None,
    )


def _failed(error: Exception, action: Action) -> Fault:
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), _UNKNOWN)
    return Fault(cause, type(error).__name__, str(error), operation=action.operation)
