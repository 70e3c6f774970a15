"""The service's side that calls the bot: waits 15 seconds, and sends again what got no answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from smartops import Clock

from .login import Login

PATIENCE = 15.0
AGAIN_AFTER = (15.0, 15.0)
ANEW_AFTER = 30.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the bot answered; status 0 is that it did not, in time."""

    status: int
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body) if self.body else None


@dataclass(slots=True)
class Sender:
    """Posts activities to ``bot``, the URL of its messaging endpoint.

    ``resends`` says whether what was not answered is sent again, as Teams does:
    twice as it was, then once more with a new id. ``posted`` are the ids of what
    was sent, each time it was.
    """

    login: Login
    clock: Clock
    number: Callable[[], str]
    breaches: list[str]
    bot: str = ""
    service_url: str = ""
    resends: bool = True
    posted: list[str] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _session: aiohttp.ClientSession | None = field(default=None)

    async def deliver(self, activity: Mapping[str, Any]) -> Delivered:
        """Send an activity, again if need be, and return the answer."""
        delivered = await self.post(activity)
        if not self.resends:
            return delivered
        for pause in AGAIN_AFTER:
            if not _unanswered(delivered):
                return delivered
            await self.clock.sleep(pause)
            delivered = await self.post(activity)
        if _unanswered(delivered):
            await self.clock.sleep(ANEW_AFTER)
            delivered = await self.post({**activity, "id": self.number()})
        return delivered

    async def post(self, activity: Mapping[str, Any]) -> Delivered:
        """Send an activity once."""
        self.posted.append(activity["id"])
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        headers = {
            "Authorization": f"Bearer {self.login.sign(self.service_url)}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Microsoft-BotFramework/3.1 (BotService)",
        }
        body = json.dumps(activity).encode()
        try:
            with self.clock.fail_after(PATIENCE):
                async with self._session.post(self.bot, data=body, headers=headers) as response:
                    return self._checked(activity, response.status, await response.read())
        except (TimeoutError, aiohttp.ClientError):
            return Delivered(0)
        finally:
            self.changed()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _checked(self, activity: Mapping[str, Any], status: int, body: bytes) -> Delivered:
        """Look at the answer as the service does: its form, not what it says."""
        kind = activity.get("type")
        if status >= 500 and status != 501:
            self.breaches.append(f"the bot answered {status} to an activity of type {kind}")
        elif kind == "invoke" and status == 200:
            self._check_invoke(body)
        elif kind != "invoke" and status in (200, 202) and body:
            self.breaches.append(f"the bot answered {kind} with a body nobody reads")
        return Delivered(status, body)

    def _check_invoke(self, body: bytes) -> None:
        try:
            answer = json.loads(body)
        except ValueError:
            self.breaches.append("an invoke was answered with what is no JSON")
            return
        if not {"statusCode", "type", "value"} <= set(answer):
            self.breaches.append("an invoke was answered without statusCode, type and value")


def _unanswered(delivered: Delivered) -> bool:
    return delivered.status in (0, 408, 500, 502, 503, 504)
