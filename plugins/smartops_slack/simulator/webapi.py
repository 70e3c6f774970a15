"""The Web API: what the app calls comes in here, and is answered as Slack answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from smartops import Clock

from .acts import App
from .answers import BREACHES, Answer, Arguments, refusal
from .files import Files
from .meter import METHODS, Meter
from .posting import Posting
from .sockets import Sockets
from .views import Views
from .world import World

Method = Callable[[Arguments], Answer]


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with the next ``times`` calls of this method (or of any).

    ``error`` is Slack's word for it, ``status`` an HTTP status instead; without
    either the connection is cut. ``done`` says that the call has its effect all
    the same; ``seconds`` is how long it takes before.
    """

    error: str = ""
    status: int = 0
    times: int = 1
    method: str = ""
    retry_after: int = 0
    done: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the app's: when, and how it was answered (0: not at all; ``error`` if not ok)."""

    method: str
    arguments: Arguments
    at: float
    status: int
    error: str = ""


@dataclass(slots=True)
class WebApi:
    """Serves ``/api``. ``breaches`` are what the real service would not forgive."""

    world: World
    app: App
    clock: Clock
    bot_token: str
    app_token: str
    posting: Posting
    views: Views
    files: Files
    sockets: Sockets
    breaches: list[str]
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _meter: Meter = field(init=False)
    _methods: dict[str, Method] = field(init=False)

    def __post_init__(self) -> None:
        self._meter = Meter(self.clock)
        self._methods = {
            "apps.connections.open": lambda _: {"url": self.sockets.ticket()},
            "auth.test": self._auth_test,
            "chat.delete": self.posting.delete,
            "chat.postEphemeral": self.posting.whisper,
            "chat.postMessage": self.posting.post,
            "chat.update": self.posting.update,
            "conversations.open": self._open,
            "files.completeUploadExternal": self.files.complete,
            "files.getUploadURLExternal": self.files.promise,
            "users.info": self._user,
            "views.open": self.views.open,
        }

    @property
    def rejected(self) -> list[Call]:
        """The calls that were not answered with ok."""
        return [call for call in self.calls if call.error or call.status != 200]

    def routes(self, app: web.Application) -> None:
        """Serve the Web API."""
        app.router.add_route("*", "/api/{method}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        fault = self._fault(method)
        response = self._limited(method, arguments)
        if response is None and fault is not None:
            response = await self._gone_wrong(fault, request, arguments)
        if response is None:
            response = _json(self._answer(method, request, arguments))
        # What is JSON has bytes for a body, which aiohttp's type does not tell.
        error = json.loads(response.body).get("error", "") if _is_json(response) else ""  # type: ignore[arg-type]
        self._note(method, arguments, response.status, error)
        return response

    def _answer(self, method: str, request: web.Request, arguments: Arguments) -> Answer:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return refusal("not_authed")
        if "token" in request.query:
            self.breaches.append(f"{method}: the token stands in the URL")
        if token not in (self.bot_token, self.app_token):
            return refusal("invalid_auth")
        if (token == self.app_token) != (method == "apps.connections.open"):
            return refusal("not_allowed_token_type")
        answer = self._methods[method](arguments)
        if answer.get("error") in BREACHES:
            self.breaches.append(f"{method}: {answer}")
        return {"ok": "error" not in answer, **answer}

    def _limited(self, method: str, arguments: Arguments) -> web.Response | None:
        if method not in METHODS:
            self.breaches.append(f"{method} is called, which is not known here")
            return _json({"ok": False, "error": "unknown_method"})
        if self._meter.closed(method):
            self.breaches.append(f"{method}: called again before Retry-After was over")
        seconds = self._meter.take(method, str(arguments.get("channel", "")))
        return self._slowed(method, seconds) if seconds else None

    def _slowed(self, method: str, seconds: int) -> web.Response:
        self._meter.close(method, seconds)
        response = _json(refusal("ratelimited"))
        response.set_status(429)
        response.headers["Retry-After"] = str(seconds)
        return response

    def _fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method):
                fault.times -= 1
                return fault
        return None

    async def _gone_wrong(
        self, fault: Fault, request: web.Request, arguments: Arguments
    ) -> web.Response:
        method = request.match_info["method"]
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.done:
            self._answer(method, request, arguments)
        if fault.retry_after:
            return self._slowed(method, fault.retry_after)
        if fault.error:
            return _json(refusal(fault.error))
        if fault.status:
            return web.Response(status=fault.status, text="as it was ordered")
        self._note(method, arguments, 0, "")
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError

    def _note(self, method: str, arguments: Arguments, status: int, error: str) -> None:
        self.calls.append(Call(method, arguments, self.clock.time(), status, error))
        self.changed()

    def _auth_test(self, arguments: Arguments) -> Answer:
        return {
            "url": "https://simulated.slack.com/",
            "team": "Simulated",
            "user": "smartops",
            "team_id": self.app.team,
            "user_id": self.app.user,
            "bot_id": self.app.bot_id,
            "is_enterprise_install": False,
        }

    def _open(self, arguments: Arguments) -> Answer:
        user = self.world.user_by_id(str(arguments.get("users", "")))
        if user is None:
            return refusal("user_not_found")
        chat = self.world.conversation(f"@{user.name}")
        return {"channel": {"id": chat.id}} if chat.bot_is_in else refusal("user_disabled")

    def _user(self, arguments: Arguments) -> Answer:
        user = self.world.user_by_id(str(arguments.get("user", "")))
        if user is None:
            return refusal("user_not_found")
        profile = {"real_name": user.name.title(), "display_name": user.name}
        return {"user": {"id": user.id, "team_id": user.team, "name": user.name, **profile}}


async def _arguments(request: web.Request) -> dict[str, Any]:
    query = {name: _read(value) for name, value in request.query.items()}
    if request.content_type == "application/json":
        return {**query, **await request.json()}
    form = await request.post()
    return {**query, **{name: _read(value) for name, value in form.items()}}


def _read(value: Any) -> Any:
    """Return a field of a form; structures come as JSON there."""
    return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value


def _json(answer: Answer) -> web.Response:
    return web.json_response(answer)


def _is_json(response: web.StreamResponse) -> bool:
    return response.content_type == "application/json"
