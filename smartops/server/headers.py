"""Headers of requests and responses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from smartops.errors import Refusal, ValidationFailed
from smartops.message import Response
from smartops.reply import Quota

from .asgi import HeaderList, Scope
from .bounds import MAX_HEADERS
from .refusals import HeadersTooLarge, WrongVersion

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def caller_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the caller's ``X-Request-Id`` if it is safe in a log, else an empty string."""
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode("ascii") if _SANE_ID.fullmatch(value) else ""
    return ""


def check(scope: Scope) -> None:
    """Raise a Refusal if the headers are too large or the end of the body is ambiguous.

    HTTP/2 needs TLS: a cleartext upgrade would bypass a proxy's rules for paths.
    """
    headers = scope["headers"]
    size = len(scope["path"]) + len(scope["query_string"])
    if size + sum([len(name) + len(value) for name, value in headers]) > MAX_HEADERS:
        raise HeadersTooLarge("The headers are too large", details=f"At most {MAX_HEADERS} bytes.")
    if scope["http_version"] not in ("1.0", "1.1"):
        if scope["scheme"] == "http":
            raise WrongVersion("Without TLS, only HTTP/1.1 is spoken here")
    elif {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
        raise ValidationFailed("A request has Content-Length or Transfer-Encoding, not both")


def peer(scope: Scope) -> str:
    """Return the client's address; empty if there is none."""
    client = scope.get("client")
    return client[0] if client else ""


def answer_headers(response: Response, id: str, quota: Quota | None) -> HeaderList:
    """Return the headers of the response to a message."""
    headers = [
        (b"Content-Type", response.content_type.encode("latin-1")),
        (b"Content-Length", b"%d" % len(response.body)),
        (b"X-Request-Id", id.encode("ascii")),
    ]
    for name, value in response.headers:
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    if quota is not None:
        headers += (
            (b"X-RateLimit-Limit", b"%d" % quota.limit),
            (b"X-RateLimit-Remaining", b"%d" % quota.remaining),
            (b"X-RateLimit-Reset", b"%d" % quota.reset),
        )
    return headers


def retry_headers(seconds: int, status: int) -> HeaderList:
    """Return the headers with the time to retry."""
    value = b"%d" % seconds
    headers = [(b"Retry-After", value)]
    if status == 429:
        headers.append((b"X-RateLimit-Retry-After", value))
    return headers


def refusal_headers(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    """Return the headers that HTTP requires for a refusal's status."""
    if refusal.status == 401:
        return (("WWW-Authenticate", "Bearer"),)
    if refusal.status == 405:
        return (("Allow", "POST"),)
    return ()
