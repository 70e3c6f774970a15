"""The AWS SDK: sessions, credentials and clients. It is untyped, so only asking uses it besides.

Everything here blocks and is called in worker threads. Clients may be shared by
threads; sessions, and the making of clients, may not.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import botocore.exceptions as sdk_errors
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.loaders import Loader

from smartops import Clock, __version__

from .actions import ACTIONS, ASSUME, IDENTITY, Action, Kind
from .asking import Parsers, ask, faults
from .config import AccountConfig, AwsConfig, is_loopback
from .faults import Fault
from .parsing import Listener, check_answer
from .person import BOT

_ATTEMPTS: Mapping[Kind, int] = {"read": 3, "change": 2, "once": 1}
_REGIONAL = frozenset({"ec2", "ssm", "cloudwatch"})
_MOST_SESSIONS = 256
_METHOD = "assume-role"
_SESSION_SECONDS = 3600  # as long as one role may hold another

_making = threading.Lock()
_session_name: ContextVar[str] = ContextVar("smartops_aws_session", default="")
_region: ContextVar[str] = ContextVar("smartops_aws_region")

_LONGEST_REASON = 1000


def _in_a_line(record: logging.LogRecord) -> bool:
    """Let the SDK tell of a failed renewal in a line, if nothing else does.

    It does so with pages of traceback, and also where the call fails for it: as a Fault.
    """
    if record.exc_info:
        why = str(record.exc_info[1])[:_LONGEST_REASON]  # it may quote a whole answer
        record.msg, record.args = f"{record.getMessage()} {why}", ()
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
        name, place = _session_name.set(session), _region.set(region)
        try:
            with faults(action):
                client = self._client(region, action)
            return ask(client, action, parameters)
        finally:
            _region.reset(place)
            _session_name.reset(name)

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
            session.register_component("response_parser_factory", Parsers())
            session.register("before-parse", check_answer)
            chosen = _Chosen(_Base(session, self._account, self._config))
            session.register_component("credential_provider", _Resolver(chosen))
            sts = partial(self._sts_client, session)
            if self._account.role is not None:
                chosen.role = _Role(self._account, sts(self._account.regions[0]), self._clock)
            else:
                chosen.owner = _Owner(self._account, sts)
            self._session = session
        return self._session

    def _sts_client(self, session: Any, region: str, **keys: str | None) -> Any:
        return session.create_client(
            "sts",
            region_name=region,
            endpoint_url=self._config.endpoint or None,
            config=_client_config(self._config, "sts", "read"),
            **keys,
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
            told = ask(
                self._client,
                ASSUME,
                {
                    "RoleArn": self._account.role,
                    "RoleSessionName": name,
                    "DurationSeconds": _SESSION_SECONDS,
                    **extra,
                },
            )
        finally:
            _session_name.reset(token)
        answer = told["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }


class _Owner:
    """Makes sure that the credentials of SmartOps belong to the account of the configuration.

    AWS is asked once for each access key, in the region where it is first used.
    """

    def __init__(self, account: AccountConfig, sts_client: Callable[..., Any]) -> None:
        self._account = account
        self._sts_client = sts_client
        self._locks: dict[str, threading.Lock] = {}
        self._found = ("", "")

    def checked(self, credentials: Any) -> Any:
        """Return the credentials; raises Fault if they belong to another account."""
        region = _region.get()
        with self._locks.setdefault(region, threading.Lock()):  # a region that hangs holds no other
            key, number = self._found
            if key != credentials.access_key:
                number = self._account_of(credentials, region)
                self._found = (credentials.access_key, number)
        if number != self._account.number:
            raise Fault(
                "account",
                "WrongAccount",
                f"The credentials for {self._account.name} belong to the AWS account {number}, "
                f"not to {self._account.number}",
                operation=IDENTITY.operation,
            )
        return credentials

    def _account_of(self, credentials: Any, region: str) -> str:
        with _making:
            client = self._sts_client(
                region,
                aws_access_key_id=credentials.access_key,
                aws_secret_access_key=credentials.secret_key,
                aws_session_token=credentials.token,
            )
        try:
            return str(ask(client, IDENTITY, {})["Account"])
        finally:
            client.close()


class _Chosen(Credentials):  # type: ignore[misc]  # untyped
    """Credentials of the session that the calling thread works in.

    So one client serves everybody, instead of one for each person.
    """

    def __init__(self, base: _Base) -> None:
        super().__init__("", "", method="smartops")
        self._base = base
        self.role: _Role | None = None
        self.owner: _Owner | None = None

    def get_frozen_credentials(self) -> Any:
        name = _session_name.get()
        if self.role and name:
            return self.role.frozen(name)
        found = self._base.frozen()
        return self.owner.checked(found) if self.owner else found


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


def _client_config(config: AwsConfig, service: str, kind: Kind) -> Any:
    return Config(
        connect_timeout=config.limits.connect.total_seconds(),
        read_timeout=config.limits.read.total_seconds(),
        max_pool_connections=config.limits.threads,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS[kind]},
        parameter_validation=service != "cloudwatch",  # hundreds of queries, and they are ours
        user_agent_extra=f"smartops/{__version__}",
    )
