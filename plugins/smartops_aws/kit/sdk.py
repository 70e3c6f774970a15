"""The AWS SDK: the session and the clients of an account. It is untyped.

Everything here blocks and is called in worker threads. Clients may be shared by
threads; sessions, and the making of clients, may not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any

import botocore.exceptions as sdk_errors
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from smartops import Clock, __version__

from .account import Access
from .action import Action, Kind
from .answers import Parsers, check_answer
from .asking import ask, faults
from .credentials import Chosen, current_region, current_session
from .person import BOT

_LONGEST_REASON = 1000
_API_KEYS = frozenset({"bedrock-runtime"})
"""Services that an API key in the environment would be used for instead of a signature."""

_making = threading.Lock()


def _in_a_line(record: logging.LogRecord) -> bool:
    """Log a failed renewal of the SDK in one line, and only if nothing else does.

    It logs pages of traceback, also where the call fails for it: as a Fault.
    """
    if record.exc_info:
        why = str(record.exc_info[1])[:_LONGEST_REASON]  # it may quote a whole answer
        record.msg, record.args = f"{record.getMessage()} {why}", ()
        record.exc_info = record.exc_text = None
    return "mandatory" not in record.msg


logging.getLogger("botocore.credentials").addFilter(_in_a_line)


class Sdk:
    """The clients of an account, by region, service and number of attempts."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
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
        name, place = current_session.set(session), current_region.set(region)
        try:
            with faults(action):
                client = self._client(region, action.service, action.kind)
            return ask(client, action, parameters)
        finally:
            current_region.reset(place)
            current_session.reset(name)

    def warm(self, region: str, services: Iterable[str]) -> None:
        """Make the clients that read in a region; failures are those of their first use."""
        with suppress(sdk_errors.BotoCoreError):
            for service in services:
                self._client(region, service, "read")

    def close(self) -> None:
        """Close the connections that are open."""
        with _making:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _client(self, region: str, service: str, kind: Kind) -> Any:
        key = (region, service, kind)
        if key not in self._clients:
            with _making:
                if key not in self._clients:
                    self._clients[key] = self._made_client(self._made_session(), *key)
        return self._clients[key]

    def _made_session(self) -> Any:
        if self._session is None:
            session = botocore.session.Session(profile=self._access.credentials.profile or None)
            session.register_component("data_loader", _loader())
            session.register_component("response_parser_factory", Parsers())
            session.register("before-parse", check_answer)
            chosen = Chosen(session, partial(self._sts, session), self._access, self._clock)
            session.register_component("credential_provider", chosen)
            self._session = session
        return self._session

    def _sts(self, session: Any, region: str, **keys: str | None) -> Any:
        with _making:
            return self._made_client(session, region, "sts", "read", **keys)

    def _made_client(
        self, session: Any, region: str, service: str, kind: Kind, **keys: str | None
    ) -> Any:
        access = self._access
        endpoint = access.sts_endpoint if service == "sts" else access.endpoint
        signed = service in _API_KEYS and (access.is_local or access.credentials.role)
        client = session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint or None,
            config=Config(
                connect_timeout=access.limits.connect.total_seconds(),
                read_timeout=access.limits.read.total_seconds(),
                max_pool_connections=access.limits.threads,
                retries={"mode": "standard", "total_max_attempts": access.attempts[kind]},
                parameter_validation=service != "cloudwatch",  # hundreds of queries of our own
                signature_version="v4" if signed else None,
                proxies={} if access.is_local else None,
                user_agent_extra=f"smartops/{__version__}",
            ),
            **keys,
        )
        access.prepare(client, service, region)
        return client


@cache
def _loader() -> Any:
    """Return the one loader of service models: each is read once for all accounts."""
    return Loader()
