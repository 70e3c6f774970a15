"""The connector: what the bot says comes in here, and is answered as the real one answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from smartops import Clock

from .limits import Meter, faults_of, too_large
from .login import Login
from .world import Conversation, Shown, World, card_of


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with the next ``times`` calls of this method (or of any).

    ``status`` is answered, or the connection is cut (0); ``done`` says that the
    call has its effect all the same; ``seconds`` is how long it takes before.
    """

    status: int = 0
    times: int = 1
    method: str = ""
    retry_after: int = 0
    done: bool = False
    seconds: float = 0.0
    code: str = "ServiceError"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot's, and how it was answered."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Connector:
    """Serves ``/v3``. ``breaches`` are what the real service would not forgive."""

    world: World
    login: Login
    clock: Clock
    bot_id: str
    breaches: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    changed: Callable[[], None] = lambda: None
    check_card: Callable[[dict[str, Any]], None] | None = None
    _meters: dict[str, Meter] = field(default_factory=dict)
    _uncertain: set[str] = field(default_factory=set)

    @property
    def rejected(self) -> list[Call]:
        """The calls that were answered with an error."""
        return [call for call in self.calls if call.status >= 400]

    def routes(self, app: web.Application) -> None:
        """Serve the connector."""
        chat = "/v3/conversations/{chat}"
        for method, path, serve in (
            ("POST", "/v3/conversations", self._create),
            ("POST", f"{chat}/activities", self._send),
            ("POST", f"{chat}/activities/{{id}}", self._send),
            ("PUT", f"{chat}/activities/{{id}}", self._update),
            ("DELETE", f"{chat}/activities/{{id}}", self._delete),
            ("GET", f"{chat}/members", self._members),
            ("GET", f"{chat}/members/{{id}}", self._members),
        ):
            app.router.add_route(method, path, self._served(serve))

    def _served(self, serve: Any) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            self._check_path(request)
            response: web.Response
            fault = self._fault(request.method)
            if not self.login.holds(request.headers.get("Authorization", "")):
                response = _error(401, "Unauthorized", "no valid token")
            elif (limited := self._limited(request)) is not None:
                response = limited
            else:
                response = await self._under(fault, serve, request)
            cut = request.transport is None or request.transport.is_closing()
            status = 0 if cut else response.status
            self.calls.append(Call(request.method, request.raw_path, status))
            response.headers["X-Correlating-OperationId"] = f"op-{len(self.calls)}"
            self.changed()
            return response

        return handler

    async def _under(self, fault: Fault | None, serve: Any, request: web.Request) -> web.Response:
        """Serve a call, or let it go wrong as it was ordered."""
        if fault is None:
            response: web.Response = await serve(request)
            return response
        body = await request.read()
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.done:
            response = await serve(request)
            self._uncertain.add(_print(request, body))
            if fault.status == 0 and fault.seconds:
                return response
        if fault.status == 0 and request.transport is not None:
            request.transport.abort()
        response = _error(fault.status or 500, fault.code, "as it was ordered")
        if fault.retry_after:
            response.headers["Retry-After"] = str(fault.retry_after)
            self._meter(request).closed_until = self.clock.time() + fault.retry_after
        return response

    def _fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method):
                fault.times -= 1
                return fault
        return None

    def _check_path(self, request: web.Request) -> None:
        path = request.raw_path.partition("?")[0]
        if set(path) & set(":@;="):
            self.breaches.append(f"{request.method} {path}: a segment is not percent-encoded")

    def _meter(self, request: web.Request) -> Meter:
        return self._meters.setdefault(request.match_info.get("chat", ""), Meter(self.clock))

    def _limited(self, request: web.Request) -> web.Response | None:
        if request.method == "GET":
            return None
        meter = self._meter(request)
        if self.clock.time() < meter.closed_until:
            self.breaches.append(f"{request.method}: called again before Retry-After was over")
        if meter.take():
            return None
        response = _error(429, "TooManyRequests", "slow down")
        response.headers["Retry-After"] = "1"
        return response

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        chat, thread = self.world.where(request.match_info["chat"])
        if (refused := self._no_entry(chat)) is not None:
            return refused
        assert chat is not None
        if activity.get("type") == "typing":
            return web.Response(status=202)
        to = request.match_info.get("id", "")
        if to and chat.find(to) is None:
            return _error(404, "ActivityNotFoundInConversation", to)
        if (refused := self._unfit(body, activity)) is not None:
            return refused
        if _print(request, body) in self._uncertain:
            self.breaches.append("a message was sent again that may have arrived")
        shown = Shown(self.world.number(), "bot", activity, thread)
        chat.activities.append(shown)
        return web.json_response({"id": shown.id}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        shown, refused = self._own(request)
        if shown is None:
            return refused
        if (refused_too := self._unfit(body, activity)) is not None:
            return refused_too
        shown.activity = activity
        shown.edits += 1
        shown.views.clear()
        return web.json_response({"id": shown.id})

    async def _delete(self, request: web.Request) -> web.Response:
        shown, refused = self._own(request)
        if shown is None:
            return refused
        shown.deleted = True
        return web.Response()

    async def _create(self, request: web.Request) -> web.Response:
        wanted = json.loads(await request.read())
        channel = wanted.get("channelData", {}).get("channel", {}).get("id")
        if wanted.get("isGroup"):
            chat, _ = self.world.where(channel or "")
            if (refused := self._no_entry(chat)) is not None or chat is None:
                return refused or _error(400, "BadArgument", "a bot makes no group chat")
            shown = Shown("", "bot", wanted.get("activity", {}))
            shown.id = shown.thread = self.world.number()
            chat.activities.append(shown)
            ids = {"id": f"{chat.id};messageid={shown.id}", "activityId": shown.id}
            return web.json_response(ids, status=201)
        members = wanted.get("members") or []
        user = self.world.user_by_id(members[0].get("id", "")) if len(members) == 1 else None
        if user is None or wanted.get("bot", {}).get("id") != self.bot_id:
            return _error(400, "BadArgument", "one member, by the id that bots know, and the bot")
        if wanted.get("tenantId") != self.world.tenant:
            return _error(403, "ForbiddenOperationException", "not of this tenant")
        if user.name in self.unreachable:
            return _error(403, "ForbiddenOperationException", "the person has not got this app")
        return web.json_response(
            {"id": self.world.conversation(f"with {user.name}").id}, status=201
        )

    async def _members(self, request: web.Request) -> web.Response:
        chat, _ = self.world.where(request.match_info["chat"])
        if (refused := self._no_entry(chat)) is not None or chat is None:
            return refused or _error(404, "ConversationNotFound", "")
        people = [{**user.account, "tenantId": user.tenant} for user in chat.members.values()]
        wanted = request.match_info.get("id")
        if wanted is None:
            return web.json_response(people)
        for person in people:
            if wanted in (person["id"], person["aadObjectId"]):
                return web.json_response(person)
        return _error(404, "MemberNotFoundInConversation", wanted)

    def _own(self, request: web.Request) -> tuple[Shown | None, web.Response]:
        """Return a message of the bot's that it may change, else the refusal."""
        chat, _ = self.world.where(request.match_info["chat"])
        if (refused := self._no_entry(chat)) is not None or chat is None:
            return None, refused or _error(404, "ConversationNotFound", "")
        shown = chat.find(request.match_info["id"])
        if shown is None:
            return None, _error(404, "ActivityNotFoundInConversation", request.match_info["id"])
        if shown.author != "bot":
            self.breaches.append("the bot wants to change somebody else's message")
            return None, _error(403, "ForbiddenOperationException", "not the bot's")
        return shown, web.Response()

    def _no_entry(self, chat: Conversation | None) -> web.Response | None:
        if chat is None:
            return _error(404, "ConversationNotFound", "no such conversation")
        if not chat.bot_is_in:
            return _error(403, "BotNotInConversationRoster", "the bot was removed")
        return None

    def _unfit(self, body: bytes, activity: dict[str, Any]) -> web.Response | None:
        if too_large(body, activity):
            return _error(413, "MessageSizeTooBig", f"{len(body)} bytes")
        self.breaches += faults_of(activity)
        card = card_of(activity)
        if card is not None and self.check_card is not None:
            try:
                self.check_card(card)
            except AssertionError as error:
                self.breaches.append(f"a card is refused: {error}")
        return None


def _print(request: web.Request, body: bytes) -> str:
    return hashlib.sha256(request.raw_path.encode() + b"\0" + body).hexdigest()


def _error(status: int, code: str, message: str) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type="application/json"
    )
