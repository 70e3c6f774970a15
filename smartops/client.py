"""Python clients of the wire contract.

::

    client = SmartOpsClient("https://smartops.example/prod", token)
    answer = client.send_command("stop web-server-01", "user123")
    if answer.pending:
        answer = client.confirm(answer)
    print(answer.message)

Errors are raised as the error classes of :mod:`smartops`, one for each code, with
``details``, ``retry_after`` and, in ``response``, the envelope.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal, Self

from anyio.from_thread import start_blocking_portal

from . import errors
from .channels import retry_after
from .errors import BackendUnavailable, Refusal
from .http import AiohttpClient
from .services import Clock, HttpClient, HttpReply

MAX_BYTES = 16 * 1024 * 1024
FIRST_DELAY = 0.5

_CLASSES: tuple[type[Refusal], ...] = (
    errors.AuthenticationFailed,
    errors.PermissionDenied,
    errors.RateLimited,
    errors.InstanceNotFound,
    errors.ValidationFailed,
    errors.ApprovalInvalid,
    errors.BackendUnavailable,
    errors.InterpreterFailed,
    errors.DeadlineExceeded,
    errors.InternalError,
)
_BY_CODE = {kind.code: kind for kind in _CLASSES}
_BY_STATUS = {kind.status: kind for kind in _CLASSES}


class Envelope(dict[str, Any]):
    """The envelope of a reply: a dictionary with shorthands.

    ``user_id`` is who sent the command, and must confirm it if it is pending.
    """

    def __init__(self, envelope: Mapping[str, Any], user_id: str) -> None:
        super().__init__(envelope)
        self.user_id = user_id

    @property
    def data(self) -> dict[str, Any]:
        """The data that the command returned."""
        data = self.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def message(self) -> str:
        """The reply as plain text."""
        return str(self.data.get("message", ""))

    @property
    def pending(self) -> bool:
        """Whether the command must be confirmed, or is still running."""
        return self.get("status") == "pending"

    def action(self, type: Literal["confirm", "cancel"]) -> str | None:
        """Return the value to send to confirm or cancel, or None."""
        for action in self.data.get("actions", ()):
            if action.get("type") == type:
                return str(action["action"])
        return None


class AsyncSmartOpsClient:
    """Sends commands to SmartOps; use it as an async context manager, or close it.

    ``webhook_url`` is the base URL, without ``/api/messages``. Each command has a
    unique id, so that a retry never runs it twice. Rate-limited requests and
    requests without a response are retried, up to ``attempts`` times in all. The
    backoff is exponential and honours ``Retry-After``; an error that asks for a
    wait longer than ``max_delay`` seconds is raised at once. ``timeout`` bounds
    one attempt, ``reply_timeout`` the polling for a deferred reply.
    """

    def __init__(
        self,
        webhook_url: str,
        bot_token: str,
        *,
        timeout: float = 35.0,
        attempts: int = 5,
        max_delay: float = 60.0,
        reply_timeout: float = 300.0,
        clock: Clock | None = None,
        http: HttpClient | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self.webhook_url = webhook_url.rstrip("/")
        self.headers = {
            "Authorization": f"Bearer {bot_token}",
            "Content-Type": "application/json",
        }
        self._timeout = timeout
        self._attempts = attempts
        self._max_delay = max_delay
        self._reply_timeout = reply_timeout
        self._clock = clock or Clock()
        self._own = AiohttpClient() if http is None else None
        self._http: HttpClient = http or self._own  # type: ignore[assignment]
        self._jitter = jitter

    async def __aenter__(self) -> Self:
        """Return the client; connections are opened on demand."""
        return self

    async def __aexit__(self, *reason: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._own is not None:
            await self._own.aclose()

    async def send_command(self, command: str, user_id: str) -> Envelope:
        """Send a command and return the envelope of its reply.

        Raises the error in the envelope, or BackendUnavailable if SmartOps cannot
        be reached.
        """
        return await self._send({"text": command}, user_id)

    async def confirm(self, answer: Mapping[str, Any], user_id: str | None = None) -> Envelope:
        """Confirm a pending command and return the envelope of its reply.

        ``user_id`` is who sent the command; it is required if ``answer`` was not
        returned by this class. Raises ValueError if there is nothing to confirm.
        """
        return await self._press("confirm", answer, user_id)

    async def cancel(self, answer: Mapping[str, Any], user_id: str | None = None) -> Envelope:
        """Cancel a pending command; see :meth:`confirm`."""
        return await self._press("cancel", answer, user_id)

    async def _press(
        self,
        type: Literal["confirm", "cancel"],
        answer: Mapping[str, Any],
        user_id: str | None,
    ) -> Envelope:
        user_id = user_id or getattr(answer, "user_id", None)
        if user_id is None:
            raise ValueError("who asked is not known; pass user_id")
        value = Envelope(answer, user_id).action(type)
        if value is None:
            raise ValueError(f"there is nothing to {type} in this answer")
        return await self._send({"value": {"action": value}}, user_id)

    async def _send(self, content: Mapping[str, Any], user_id: str) -> Envelope:
        payload = {
            "type": "message",
            "id": str(uuid.uuid4()),
            **content,
            "from": {"id": user_id, "name": "API User"},
            "conversation": {"id": f"api-{user_id}"},
        }
        body = json.dumps(payload).encode()
        end = self._clock.time() + self._reply_timeout
        while True:
            answer = Envelope(await self._retried(body), user_id)
            running = answer.pending and not answer.data.get("actions")
            if not running or self._clock.time() >= end:
                return answer
            await self._clock.sleep(FIRST_DELAY)

    async def _retried(self, body: bytes) -> dict[str, Any]:
        """Post, and retry until there is a result that a retry would not change."""
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._post(body)
            except _Retryable as failure:
                delay = self._delay(attempt, failure.retry_after)
                if attempt == self._attempts or delay is None:
                    raise failure.error from failure.__cause__
            await self._clock.sleep(delay)
        raise AssertionError("unreachable")

    def _delay(self, attempt: int, retry_after: float) -> float | None:
        """Return the delay before the next attempt; None if there should be no retry."""
        if retry_after > self._max_delay:
            return None
        backoff = min(FIRST_DELAY * 2.0 ** (attempt - 1), self._max_delay)
        # The jitter spreads the retries of many clients.
        delay = backoff * (0.5 + self._jitter() / 2)
        return max(delay, retry_after + self._jitter()) if retry_after else delay

    async def _post(self, body: bytes) -> dict[str, Any]:
        url = f"{self.webhook_url}/api/messages"
        try:
            reply = await self._http.request(
                "POST",
                url,
                headers=self.headers,
                body=body,
                timeout=self._timeout,
                max_bytes=MAX_BYTES,
            )
        except BackendUnavailable as reason:
            unreachable = BackendUnavailable(
                f"SmartOps cannot be reached at {self.webhook_url}", details=reason.message
            )
            raise _Retryable(unreachable) from reason
        document = _document(reply)
        if reply.status == 200 and document is not None:
            return document
        error = _error(reply, document, self.webhook_url)
        if reply.status == 429 or (reply.status in (502, 503, 504) and document is None):
            raise _Retryable(error, retry_after(reply.headers) or error.retry_after or 0.0)
        raise error


class SmartOpsClient:
    """The synchronous client; each command opens a new connection.

    Takes the arguments of :class:`AsyncSmartOpsClient`.
    """

    def __init__(self, webhook_url: str, bot_token: str, **options: Any) -> None:
        self.webhook_url = webhook_url
        self._make = partial(AsyncSmartOpsClient, webhook_url, bot_token, **options)
        self._make()  # raises here if an option is wrong

    def send_command(self, command: str, user_id: str) -> Envelope:
        """Send a command and return the envelope of its reply; see the async client."""
        return self._run(lambda client: client.send_command(command, user_id))

    def confirm(self, answer: Mapping[str, Any], user_id: str | None = None) -> Envelope:
        """Confirm a pending command and return the envelope of its reply."""
        return self._run(lambda client: client.confirm(answer, user_id))

    def cancel(self, answer: Mapping[str, Any], user_id: str | None = None) -> Envelope:
        """Cancel a pending command."""
        return self._run(lambda client: client.cancel(answer, user_id))

    def _run(self, call: Callable[[AsyncSmartOpsClient], Awaitable[Envelope]]) -> Envelope:
        async def run() -> Envelope:
            async with self._make() as client:
                return await call(client)

        with start_blocking_portal() as portal:  # works inside a running event loop too
            return portal.call(run)


class _Retryable(Exception):
    """An attempt failed, and a retry may succeed."""

    def __init__(self, error: Refusal, retry_after: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after


def _document(reply: HttpReply) -> dict[str, Any] | None:
    """Return the envelope, or None if the response is not SmartOps's."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "status" in document else None


def _error(reply: HttpReply, document: dict[str, Any] | None, url: str) -> Refusal:
    body = (document or {}).get("error")
    if not isinstance(body, dict):
        kind = _BY_STATUS.get(reply.status, BackendUnavailable)
        error = kind(f"{url} answered HTTP {reply.status}, and not as SmartOps does")
    else:
        code, wait = str(body.get("code", "")), body.get("retry_after")
        kind = _BY_CODE.get(code) or _BY_STATUS.get(reply.status, Refusal)
        error = kind(
            str(body.get("message", "")),
            details=body.get("details"),
            retry_after=wait if isinstance(wait, int) else None,
        )
        error.code = code  # which may be specific to a backend
    error.status = reply.status
    error.response = document
    return error
