"""The AWS SDK: session, credentials and client. It is untyped, so it is used nowhere else.

Everything here blocks and is called in worker threads. The client may be shared
by threads; the making of it may not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.exceptions as sdk_errors
import botocore.parsers
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials, DeferredRefreshableCredentials
from botocore.loaders import Loader

from smartops import __version__

from .config import BedrockConfig, is_loopback
from .errors import Cause, Fault

_SESSION_NAME = "smartops"
_SESSION_SECONDS = 3600
_OPERATION = "Converse"
_LONGEST_REASON = 1000
_UNPARSED = (
    botocore.parsers.ResponseParserError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What the SDK's parsers raise for an answer that is broken, or does not come from AWS."""

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
        why = str(record.exc_info[1])[:_LONGEST_REASON]  # it may quote a whole answer
        record.msg, record.args = f"{record.getMessage()} {why}", ()
        record.exc_info = record.exc_text = None
    return "mandatory" not in record.msg


logging.getLogger("botocore.credentials").addFilter(_in_a_line)


class Sdk:
    """The one client of the model, made when it is first needed."""

    def __init__(self, config: BedrockConfig) -> None:
        self._config = config
        self._making = threading.Lock()
        self._clients: list[Any] = []

    def converse(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the model and return what it answers; raises Fault."""
        try:
            answer: Mapping[str, Any] = self._client().converse(**request)
        except sdk_errors.ClientError as error:
            raise _refused(error) from error
        except sdk_errors.BotoCoreError as error:
            raise _failed(error) from error
        except _UNPARSED as error:
            raise _failed(error) from None  # the error may quote the whole answer
        except RuntimeError as error:  # the SDK's word for what is new and has expired already
            said = f"{error} Is the clock right?"
            raise Fault(
                "credentials", "ExpiredCredentials", said, operation="AssumeRole"
            ) from error
        return answer

    def close(self) -> None:
        """Close the connections; the next question makes a new client."""
        with self._making:
            for client in self._clients:
                client.close()
            self._clients = []

    def _client(self) -> Any:
        with self._making:
            if not self._clients:
                self._clients = self._made_clients()
            return self._clients[0]

    def _made_clients(self) -> list[Any]:
        """Return the client of the model and, with a role, the one that renews the role."""
        session = _session(self._config.profile)
        if self._config.endpoint and is_loopback(self._config.endpoint):
            # A look-alike on this machine must not see real keys.
            _use(session, Credentials("look-alike", "look-alike"))
        if self._config.role is None:
            return [self._made_client(session, "bedrock-runtime")]
        sts = self._made_client(session, "sts")
        inner = _session(self._config.profile)
        _use(inner, _of_role(self._config, sts))
        return [self._made_client(inner, "bedrock-runtime"), sts]

    def _made_client(self, session: Any, service: str) -> Any:
        config, limits = self._config, self._config.limits
        local = bool(config.endpoint) and is_loopback(config.endpoint)
        return session.create_client(
            service,
            region_name=config.region,
            endpoint_url=config.endpoint or None if service != "sts" or local else None,
            config=Config(
                connect_timeout=limits.connect.total_seconds(),
                read_timeout=limits.read.total_seconds(),
                max_pool_connections=limits.threads,
                retries={"mode": "standard", "total_max_attempts": limits.attempts},
                # An API key in the environment is only for those who act as themselves.
                signature_version="v4" if local or config.role else None,
                proxies={} if local else None,
                user_agent_extra=f"smartops/{__version__}",
            ),
        )


def _session(profile: str) -> Any:
    session = botocore.session.Session(profile=profile or None)
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Any:
    """Return the one loader of service models: each is read once."""
    return Loader()


class _Resolver:
    """What a session asks for its credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def _use(session: Any, credentials: Any) -> None:
    session.register_component("credential_provider", _Resolver(credentials))


def _of_role(config: BedrockConfig, sts: Any) -> Any:
    """Return credentials of the role, assumed when they are first needed and renewed in time."""
    extra = {"ExternalId": config.external_id} if config.external_id else {}

    def assume() -> Mapping[str, str]:
        answer = sts.assume_role(
            RoleArn=config.role,
            RoleSessionName=_SESSION_NAME,
            DurationSeconds=_SESSION_SECONDS,
            **extra,
        )["Credentials"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }

    return DeferredRefreshableCredentials(refresh_using=assume, method="assume-role")


def _refused(error: Any) -> Fault:
    told = error.response.get("Error", {})
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    wait = headers.get("retry-after", "")
    return Fault(
        "service",
        str(told.get("Code", "")),
        str(told.get("Message", "")),
        operation=str(error.operation_name),
        retry_after=int(wait) if wait.isdecimal() else None,
    )


def _failed(error: Exception) -> Fault:
    cause: Cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "unanswered")
    return Fault(cause, type(error).__name__, str(error), operation=_OPERATION)
