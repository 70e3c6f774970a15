"""The connector: what SmartOps says in Teams comes in here."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from smartops_simulators.chat import BOT, Meter
from smartops_simulators.platform import Fault

from .limits import WINDOWS, faults_of, too_large
from .model import Conversation, Message, card_of

if TYPE_CHECKING:
    from .service import TeamsSimulator

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = error(status, code, message)


class Connector:
    def __init__(self, teams: TeamsSimulator) -> None:
        self._teams = teams
        self._meters: dict[str, Meter] = defaultdict(lambda: Meter(teams.clock, *WINDOWS))
        self._uncertain: set[str] = set()

    def routes(self, app: web.Application) -> None:
        chat = "/v3/conversations/{chat}"
        for method, path, serve in (
            ("POST", "/v3/conversations", self._create),
            ("POST", f"{chat}/activities", self._send),
            ("POST", f"{chat}/activities/{{id}}", self._send),
            ("PUT", f"{chat}/activities/{{id}}", self._update),
            ("DELETE", f"{chat}/activities/{{id}}", self._delete),
        ):
            app.router.add_route(method, path, self._served(serve))

    def _served(self, serve: Handler) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            path = request.raw_path.partition("?")[0]
            if set(path) & set(":@;="):
                breach = f"{request.method} {path}: a segment is not percent-encoded"
                self._teams.breaches.append(breach)
            try:
                response = await self._answer(serve, request)
            except Refused as refused:
                response = refused.response
            self._teams.note(request, request.method, response)
            response.headers["X-Correlating-OperationId"] = f"op-{len(self._teams.calls)}"
            return response

        return handler

    async def _answer(self, serve: Handler, request: web.Request) -> web.Response:
        fault = self._teams.fault(request.method)
        if not self._teams.login.holds(request.headers.get("Authorization", "")):
            raise Refused(401, "Unauthorized", "no valid token")
        self._limit(request)
        if fault is None:
            return await serve(request)
        response = await self._teams.failed(fault, request, lambda: serve(request))
        if fault.done:
            self._uncertain.add(_print(request, await request.read()))
        return response

    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        response = error(fault.status, fault.error or "ServiceError", "the test wants this")
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
            wait = fault.retry_after if isinstance(fault.retry_after, int) else 0
            self._meter(request).close(wait)
        return response

    def _meter(self, request: web.Request) -> Meter:
        return self._meters[request.match_info.get("chat", "")]

    def _limit(self, request: web.Request) -> None:
        meter = self._meter(request)
        if meter.closed:
            breach = f"{request.method}: called again before Retry-After was over"
            self._teams.breaches.append(breach)
        if meter.take():
            refused = Refused(429, "TooManyRequests", "slow down")
            refused.response.headers["Retry-After"] = "1"
            raise refused

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        chat, thread = self._chat(request.match_info["chat"])
        if activity.get("type") == "typing":
            return web.Response(status=202)
        to = request.match_info.get("id", "")
        if to and chat.find(to) is None:
            raise Refused(404, "ActivityNotFoundInConversation", to)
        self._check(body, activity)
        if _print(request, body) in self._uncertain:
            self._teams.breaches.append("a message was sent again that may have arrived")
        shown = Message(id=self._teams.number(), author=BOT, activity=activity, thread=thread)
        chat.posted.append(shown)
        return web.json_response({"id": shown.id}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        shown = self._own(request)
        self._check(body, activity)
        shown.activity = activity
        shown.edits += 1
        shown.views.clear()
        return web.json_response({"id": shown.id})

    async def _delete(self, request: web.Request) -> web.Response:
        self._own(request).deleted = True
        return web.Response()

    async def _create(self, request: web.Request) -> web.Response:
        wanted = json.loads(await request.read())
        members = wanted.get("members") or []
        user = self._teams.user_by_id(members[0].get("id", "")) if len(members) == 1 else None
        if user is None or wanted.get("bot", {}).get("id") != self._teams.account["id"]:
            raise Refused(400, "BadArgument", "one member, by the id that bots know, and the bot")
        if wanted.get("tenantId") != self._teams.login.tenant:
            raise Refused(403, "ForbiddenOperationException", "not of this tenant")
        if user.name in self._teams.unreachable:
            raise Refused(403, "ForbiddenOperationException", "the person has not got this app")
        chat = self._teams.conversation(f"with {user.name}")
        return web.json_response({"id": chat.id}, status=201)

    def _chat(self, id: str) -> tuple[Conversation, str]:
        """Return the conversation and the thread that an id of the connector means."""
        root, _, thread = id.partition(";messageid=")
        chat = self._teams.conversations.get(root)
        if chat is None:
            raise Refused(404, "ConversationNotFound", "no such conversation")
        if not chat.bot_is_in:
            raise Refused(403, "BotNotInConversationRoster", "the bot was removed")
        return chat, thread

    def _own(self, request: web.Request) -> Message:
        chat, _ = self._chat(request.match_info["chat"])
        shown = chat.find(request.match_info["id"])
        if shown is None:
            raise Refused(404, "ActivityNotFoundInConversation", request.match_info["id"])
        if shown.author != BOT:
            self._teams.breaches.append("the bot wants to change a person's message")
            raise Refused(403, "ForbiddenOperationException", "not the bot's")
        return shown

    def _check(self, body: bytes, activity: dict[str, Any]) -> None:
        if too_large(body, activity):
            raise Refused(413, "MessageSizeTooBig", f"{len(body)} bytes")
        self._teams.breaches += faults_of(activity)
        card = card_of(activity)
        if card is not None and self._teams.check_card is not None:
            try:
                self._teams.check_card(card)
            except AssertionError as fault:
                self._teams.breaches.append(f"a card is refused: {fault}")


def _print(request: web.Request, body: bytes) -> str:
    return hashlib.sha256(request.raw_path.encode() + b"\0" + body).hexdigest()


def error(status: int, code: str, message: str) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status)
