"""Slack's side that calls the app: signs, waits three seconds, and sends events again."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from smartops import Clock

PATIENCE = 3.0
AGAIN_AFTER = (0.0, 60.0, 300.0)
"""After how many seconds an event that was not taken is sent again."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the app answered; status 0 is that it did not, in time. ``failure`` is why."""

    status: int
    body: bytes = b""
    failure: str = ""
    retry: bool = True

    @property
    def taken(self) -> bool:
        """Whether Slack is content."""
        return 200 <= self.status < 300

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object; a bare text is a message for the person alone."""
        if not self.body:
            return {}
        if not self.body.startswith(b"{"):
            return {"text": self.body.decode()}
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True)
class Sender:
    """Posts to ``bot``, the URL of the app's endpoint.

    ``resends`` says whether events that were not taken are sent again.
    ``attempts`` counts every post.
    """

    secret: str
    clock: Clock
    breaches: list[str]
    bot: str = ""
    resends: bool = True
    attempts: int = 0
    changed: Callable[[], None] = lambda: None
    _session: aiohttp.ClientSession | None = field(default=None)

    async def event(self, payload: Mapping[str, Any]) -> Delivered:
        """Send an event, again if need be, and return the last answer."""
        body = json.dumps(payload).encode()
        delivered = await self.post(body, JSON)
        for number, pause in enumerate(AGAIN_AFTER, 1):
            if delivered.taken or not (delivered.retry and self.resends):
                break
            if pause:
                await self.clock.sleep(pause)
            why = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": delivered.failure}
            delivered = await self.post(body, JSON, why)
        return delivered

    async def form(self, fields: Mapping[str, str]) -> Delivered:
        """Send a slash command; what is not taken is not sent again."""
        return await self.post(urlencode(fields).encode(), FORM)

    async def interaction(self, payload: Mapping[str, Any]) -> Delivered:
        """Send what somebody pressed or submitted; it is not sent again."""
        return await self.form({"payload": json.dumps(payload)})

    async def post(
        self, body: bytes, content_type: str = JSON, more: Mapping[str, str] | None = None
    ) -> Delivered:
        """Sign a body and send it once. ``more`` headers go along, or replace the usual ones."""
        self.attempts += 1
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = {**self.signed(body), "Content-Type": content_type, **(more or {})}
        headers["User-Agent"] = "Slackbot 1.0 (+https://api.slack.com/robots)"
        try:
            with self.clock.fail_after(PATIENCE):
                async with self._session.post(
                    self.bot, data=body, headers=headers, allow_redirects=False
                ) as response:
                    return self._looked_at(response, await response.read())
        except TimeoutError:
            return Delivered(0, failure="http_timeout")
        except aiohttp.ClientError:
            return Delivered(0, failure="connection_failed")
        finally:
            self.changed()

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """Return the headers that prove a body, at a time if not now."""
        moment = str(int(self.clock.time() if at is None else at))
        text = b"v0:" + moment.encode() + b":" + body
        digest = hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _looked_at(self, response: aiohttp.ClientResponse, body: bytes) -> Delivered:
        if response.status >= 500:
            self.breaches.append(f"the app answered {response.status}")
        retry = response.headers.get("X-Slack-No-Retry") != "1"
        failure = "" if response.status < 300 else "http_error"
        return Delivered(response.status, body, failure, retry)
