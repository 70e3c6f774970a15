"""Calling an operation of the SDK: an answer that is AWS's, or a Fault.

Like the module sdk this is untyped inside and blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import botocore
import botocore.exceptions as sdk_errors

from smartops import channels

from .action import Action
from .answers import Unreadable
from .faults import Cause, Fault

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
"""Exceptions of the SDK and what they mean; with any other, it is unknown how far it came."""


@contextmanager
def faults(action: Action) -> Iterator[None]:
    """Raise Fault for what the SDK raises."""
    try:
        yield
    except sdk_errors.ClientError as error:
        raise _refused(error) from error
    except Unreadable as error:
        raise _unreadable(action, str(error)) from error
    except sdk_errors.BotoCoreError as error:
        raise _failed(error, action) from error


def ask(client: Any, action: Action, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call an operation and return its complete answer; raises Fault."""
    with faults(action):
        answer: Mapping[str, Any] = getattr(client, botocore.xform_name(action.operation))(
            **parameters
        )
    found: Any = answer
    for name in filter(None, action.answer.split(".")):
        found = found.get(name)
        if found is None:
            raise _unreadable(action, f"an answer without {action.answer}")
    return answer


def _unreadable(action: Action, why: str) -> Fault:
    return Fault("unreadable", "InvalidResponse", why, operation=action.operation)


def _refused(error: Any) -> Fault:
    reported = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    return Fault(
        "service",
        str(reported.get("Code") or f"HTTP {status}"),
        str(reported.get("Message", "")),
        operation=error.operation_name,
        status=status,
        retry_after=channels.retry_after(meta.get("HTTPHeaders", {})),
    )


def _failed(error: Exception, action: Action) -> Fault:
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), _UNKNOWN)
    is_proxy = isinstance(error, sdk_errors.ProxyConnectionError)
    text = _proxy_failed(error) if is_proxy else str(error)
    return Fault(cause, type(error).__name__, text, operation=action.operation)


def _proxy_failed(error: Any) -> str:
    """Return which proxy made no connection, without its password, and what it answered."""
    proxy = urlsplit(error.kwargs["proxy_url"]).netloc.rpartition("@")[2]
    failure = error.kwargs["error"]
    answer = re.search(r"Tunnel connection failed: (.*)", str(failure.original_error))
    return f"The proxy {proxy} made no connection: {answer[1] if answer else 'it does not answer'}"
