"""What SmartOps calls at Slack: the Web API, response URLs and uploads."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from smartops_simulators.chat import BOT, Meter, User
from smartops_simulators.platform import Serve

from .limits import CALLS_A_MINUTE, GRACE, POSTS, faults_of_message, faults_of_view
from .model import Conversation, Dialog, File, Message, made_id
from .tickets import Ticket

if TYPE_CHECKING:
    from .service import SlackSimulator

Answer = dict[str, Any]
Arguments = Mapping[str, Any]

BREACHES = frozenset({"invalid_arguments", "invalid_blocks", "msg_blocks_too_long", "no_text"})
"""Errors that an app which knows the rules of Slack never gets."""

LARGEST_FILE = 1 << 30


class Refused(Exception):
    def __init__(self, error: str, *faults: str) -> None:
        super().__init__(error)
        self.error = error
        more = {"response_metadata": {"messages": list(faults)}} if faults else {}
        self.answer: Answer = {"ok": False, "error": error, **more}


class WebApi:
    """Serves the calls. ``responses`` are the messages that came by response URL."""

    def __init__(self, slack: SlackSimulator) -> None:
        self.responses: list[Arguments] = []
        self.files: dict[str, File] = {}
        self.dialogs: list[Dialog] = []
        self._slack = slack
        self._meters = {
            method: Meter(slack.clock, (most, 60.0)) for method, most in CALLS_A_MINUTE.items()
        }
        self._posts: dict[str, Meter] = defaultdict(lambda: Meter(slack.clock, *POSTS))
        self._methods: dict[str, Callable[[Arguments], Answer]] = {
            "apps.connections.open": lambda _: {"url": slack.sockets.ticket()},
            "auth.test": self._auth_test,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.open": self._open_conversation,
            "files.completeUploadExternal": self._complete_upload,
            "files.getUploadURLExternal": self._promise_upload,
            "views.open": self._open_view,
        }

    def routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self._serve)
        app.router.add_post("/respond/{id}", self._respond)
        app.router.add_post("/upload/{id}", self._upload)
        app.router.add_get("/files/{id}", self._download)

    # --- the Web API ---

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        method, arguments = request.match_info["method"], await _arguments(request)
        limited = self._limited(method, arguments)

        async def answered() -> web.Response:
            return web.json_response(self._answer(method, request, arguments))

        return await self._called(request, method, answered, arguments, limited)

    async def _called(
        self,
        request: web.Request,
        method: str,
        serve: Serve,
        arguments: Arguments,
        response: web.Response | None = None,
    ) -> web.Response:
        """Serve a call unless it is limited or meets a fault, and log it."""
        fault = self._slack.fault(method)
        if response is None:
            response = await (self._slack.failed(fault, request, serve) if fault else serve())
        answer = _json_of(response)
        error = answer.get("error", "") if isinstance(answer, dict) else ""
        noted = {"arguments": arguments, "error": error, "answer": answer}
        self._slack.note(request, method, response, **noted)
        return response

    def _answer(self, method: str, request: web.Request, arguments: Arguments) -> Answer:
        try:
            self._authenticate(method, request)
            return {"ok": True, **self._methods[method](arguments)}
        except Refused as refused:
            if refused.error in BREACHES:
                self._breach(method, refused.answer)
            return refused.answer

    def _breach(self, method: str, text: object) -> None:
        self._slack.breaches.append(f"{method}: {text}")

    def _authenticate(self, method: str, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refused("not_authed")
        if "token" in request.query:
            self._breach(method, "the token is in the URL")
        if token not in (self._slack.bot_token, self._slack.app_token):
            raise Refused("invalid_auth")
        if (token == self._slack.app_token) != (method == "apps.connections.open"):
            raise Refused("not_allowed_token_type")

    def _limited(self, method: str, arguments: Arguments) -> web.Response | None:
        if method not in self._meters:
            self._breach(method, "is called, which is not known here")
            return web.json_response(Refused("unknown_method").answer)
        meter = self._meters[method]
        if meter.closed:
            self._breach(method, "called again before Retry-After was over")
        seconds = meter.take()
        if method == "chat.postMessage" and not seconds:
            seconds = self._posts[str(arguments.get("channel", ""))].take()
        return self.limited(method, seconds) if seconds else None

    def limited(self, method: str, seconds: int | str) -> web.Response:
        if isinstance(seconds, int) and method in self._meters:
            self._meters[method].close(seconds, GRACE)
        headers = {"Retry-After": str(seconds)}
        return web.json_response(Refused("ratelimited").answer, status=429, headers=headers)

    def _auth_test(self, arguments: Arguments) -> Answer:
        app = self._slack.app
        return {
            "url": "https://simulated.slack.com/",
            "team_id": app.team,
            "user_id": app.user,
            "bot_id": app.bot_id,
            "is_enterprise_install": False,
        }

    def _open_conversation(self, arguments: Arguments) -> Answer:
        chat = self._slack.conversation(f"@{self._person(arguments.get('users')).name}")
        if not chat.bot_is_in:
            raise Refused("user_disabled")
        return {"channel": {"id": chat.id}}

    def _person(self, id: object) -> User:
        if (user := self._slack.user_by_id(id)) is None:
            raise Refused("user_not_found")
        return user

    # --- messages ---

    def _post(self, arguments: Arguments) -> Answer:
        chat = self._chat(arguments)
        _check(arguments)
        shown = self._show(chat, arguments, self._thread(chat, arguments))
        return {"channel": chat.id, "ts": shown.ts, "message": shown.payload()}

    def _post_ephemeral(self, arguments: Arguments) -> Answer:
        chat = self._chat(arguments)
        _check(arguments)
        user = self._slack.user_by_id(arguments.get("user"))
        if user is None or user.name not in chat.members:
            raise Refused("user_not_in_channel")
        shown = self._show(chat, arguments, self._thread(chat, arguments), to=user.name)
        return {"message_ts": shown.ts}

    def _update(self, arguments: Arguments) -> Answer:
        shown = self._own(arguments, "cant_update_message")
        _check(arguments)
        _edit(shown, arguments)
        return {"channel": shown.channel, "ts": shown.ts, "text": shown.fallback}

    def _delete(self, arguments: Arguments) -> Answer:
        shown = self._own(arguments, "cant_delete_message")
        shown.deleted = True
        return {"channel": shown.channel, "ts": shown.ts}

    def _chat(self, arguments: Arguments, name: str = "channel") -> Conversation:
        chat = self._slack.conversations.get(str(arguments.get(name)))
        if chat is None:
            raise Refused("channel_not_found")
        if not chat.bot_is_in:
            raise Refused("not_in_channel")
        return chat

    def _thread(self, chat: Conversation, arguments: Arguments) -> str:
        """Return the thread, which a message that everybody sees must have begun."""
        thread = str(arguments.get("thread_ts", ""))
        begun = chat.find(thread) if thread else None
        if thread and (begun is None or begun.to or begun.thread not in ("", thread)):
            self._slack.breaches.append(f"no message that is there begins the thread {thread}")
        return thread

    def _own(self, arguments: Arguments, word: str) -> Message:
        chat = self._slack.conversations.get(str(arguments.get("channel")))
        if chat is None:
            raise Refused("channel_not_found")
        shown = chat.find(str(arguments.get("ts")))
        if shown is None or shown.to:
            raise Refused("message_not_found")
        if shown.author != BOT:
            raise Refused(word)
        return shown

    def _show(
        self,
        chat: Conversation,
        sent: Arguments,
        thread: str,
        to: str = "",
        files: list[File] | None = None,
    ) -> Message:
        shown = Message(
            id=self._slack.number(),
            channel=chat.id,
            author=BOT,
            thread=thread,
            to=to,
            blocks=sent.get("blocks") or [],
            fallback=str(sent.get("text", "")),
            files=files or [],
        )
        chat.posted.append(shown)
        if not to:
            self._slack.notify(chat, shown)
        return shown

    # --- response URLs ---

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        self._without_token(request, "response_url")
        message = await request.json()

        async def answered() -> web.Response:
            words = ("invalid_url", "expired_url", "used_url")
            ticket = self._slack.tickets.use(request.match_info["id"], *words)
            if isinstance(ticket, str):
                return web.Response(status=404, text=ticket)
            problem = self.respond(ticket, message)
            return web.Response(status=500 if problem else 200, text=problem or "ok")

        return await self._called(request, "response_url", answered, message)

    def _without_token(self, request: web.Request, method: str) -> None:
        if "Authorization" in request.headers:
            self._breach(method, "the app's token was sent along")

    def respond(self, ticket: Ticket, message: Arguments) -> str:
        """Take a message by response URL; return Slack's word for why not, or nothing."""
        chat = self._slack.conversation(ticket.channel)
        original = chat.find(ticket.ts) if ticket.ts else None
        try:
            _check(message)
        except Refused as refused:
            self._breach("response_url", refused.answer)
            return "invalid_blocks"
        self.responses.append(message)
        if message.get("replace_original") is True and original is not None:
            _edit(original, message)
            return ""
        public = message.get("response_type") == "in_channel"
        thread = str(message.get("thread_ts", ""))
        self._show(chat, message, thread, to="" if public else ticket.user.name)
        return ""

    # --- files: a URL is asked for, the content is sent there, and it is shared ---

    def _promise_upload(self, arguments: Arguments) -> Answer:
        name, length = str(arguments.get("filename", "")), int(arguments.get("length", 0))
        if not name or not 0 < length <= LARGEST_FILE:
            raise Refused("invalid_arguments", "a file has a name and a length")
        file = File(made_id("F", str(len(self.files))), name, length)
        self.files[file.id] = file
        return {"upload_url": f"{self._slack.url}/upload/{file.id}", "file_id": file.id}

    def _complete_upload(self, arguments: Arguments) -> Answer:
        chat, thread = self._chat(arguments, "channel_id"), str(arguments.get("thread_ts", ""))
        files = []
        for item in arguments.get("files") or ():
            file = self.files.get(item.get("id", ""))
            if file is None or file.content is None:
                raise Refused("file_not_found")
            file.title, file.channel, file.thread = item.get("title", file.name), chat.id, thread
            files.append(file)
        self._show(chat, {}, thread, files=files)
        return {"files": [{"id": file.id, "title": file.title} for file in files]}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        self._without_token(request, "upload")
        content = await request.read()

        async def answered() -> web.Response:
            file = self.files.get(request.match_info["id"])
            if file is None:
                return web.Response(status=404, text="no such upload")
            if len(content) != file.length:
                self._breach(file.name, f"{len(content)} bytes, not {file.length}")
                return web.Response(status=400, text="length")
            file.content = content
            return web.Response(text=f"OK - {len(content)}")

        return await self._called(request, "upload", answered, {})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        file = self.files.get(request.match_info["id"])
        if file is None or file.content is None:
            return web.Response(status=404)
        headers = {
            "Content-Disposition": f"attachment; filename={file.name}",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=file.content, content_type="text/plain", headers=headers)

    # --- dialogs ---

    def _open_view(self, arguments: Arguments) -> Answer:
        view: Answer = arguments.get("view") or {}
        if faults := faults_of_view(view):
            raise Refused("invalid_arguments", *faults)
        words = (f"{word}_trigger_id" for word in ("invalid", "expired", "exchanged"))
        trigger = self._slack.tickets.use(str(arguments.get("trigger_id", "")), *words)
        if isinstance(trigger, str):
            raise Refused(trigger)
        dialog = Dialog(made_id("V", str(len(self.dialogs))), view, trigger.user)
        self.dialogs.append(dialog)
        return {"view": {**view, "id": dialog.id, "team_id": self._slack.app.team}}


def _edit(shown: Message, sent: Arguments) -> None:
    shown.blocks, shown.fallback = sent.get("blocks") or [], str(sent.get("text", ""))
    shown.edits += 1


def _check(message: Arguments) -> None:
    """Raise the refusal of a message that breaks the rules of Slack."""
    if faults := faults_of_message(message):
        word = faults[0].partition(":")[0]
        raise Refused(word if word in BREACHES else "invalid_blocks", *faults)


async def _arguments(request: web.Request) -> dict[str, Any]:
    given = dict(request.query)
    if request.content_type == "application/json":
        return {**given, **await request.json()}
    form = {**given, **await request.post()}
    return {name: _read(value) for name, value in form.items()}


def _read(value: Any) -> Any:
    """Return a field of a form; structures come as JSON there."""
    return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value


def _json_of(response: web.Response) -> Any:
    try:
        return json.loads(response.text or "")
    except ValueError:
        return None
