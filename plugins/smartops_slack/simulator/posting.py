"""Messages of the app's: posted, whispered, changed, deleted, or given as a response."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .answers import Answer, Arguments, refusal, unfit
from .tickets import Response, Tickets
from .world import BOT, Conversation, Shown, World


@dataclass(slots=True)
class Posting:
    """``posted`` is told of everything that everybody can now see."""

    world: World
    tickets: Tickets
    breaches: list[str]
    posted: Callable[[Conversation, Shown], None] = lambda _chat, _shown: None
    changed: Callable[[], None] = lambda: None

    def routes(self, app: web.Application) -> None:
        """Serve the response URLs."""
        app.router.add_post("/respond/{id}", self._respond)

    def post(self, arguments: Arguments) -> Answer:
        """Serve ``chat.postMessage``."""
        chat = self.world.conversations.get(str(arguments.get("channel")))
        refused = self._closed(chat) or unfit(arguments)
        if refused or chat is None:
            return refused or refusal("channel_not_found")
        shown = self._show(chat, arguments, thread=self._thread(chat, arguments))
        return {"channel": chat.id, "ts": shown.ts, "message": shown.payload()}

    def whisper(self, arguments: Arguments) -> Answer:
        """Serve ``chat.postEphemeral``."""
        chat = self.world.conversations.get(str(arguments.get("channel")))
        refused = self._closed(chat) or unfit(arguments)
        if refused or chat is None:
            return refused or refusal("channel_not_found")
        user = self.world.user_by_id(str(arguments.get("user")))
        if user is None or user.name not in chat.members:
            return refusal("user_not_in_channel")
        thread = self._thread(chat, arguments)
        return {"message_ts": self._show(chat, arguments, thread=thread, to=user.name).ts}

    def update(self, arguments: Arguments) -> Answer:
        """Serve ``chat.update``."""
        shown = self._own(arguments, "cant_update_message")
        if isinstance(shown, dict):
            return shown
        if refused := unfit(arguments):
            return refused
        self._change(shown, arguments)
        return {"channel": shown.channel, "ts": shown.ts, "text": shown.fallback}

    def delete(self, arguments: Arguments) -> Answer:
        """Serve ``chat.delete``."""
        shown = self._own(arguments, "cant_delete_message")
        if isinstance(shown, dict):
            return shown
        shown.deleted = True
        return {"channel": shown.channel, "ts": shown.ts}

    def respond(self, response: Response, message: Arguments) -> str:
        """Take an answer by response URL; return Slack's word for why not, or nothing."""
        chat = self.world.conversation(response.channel)
        original = chat.find(response.ts) if response.ts else None
        if message.get("delete_original") is True and original is not None:
            original.deleted = True
            return ""
        if refused := unfit(message):
            self.breaches.append(f"response_url: {refused}")
            return "invalid_blocks"
        if message.get("replace_original") is True and original is not None:
            self._change(original, message)
            return ""
        thread = str(message.get("thread_ts", ""))
        public = message.get("response_type") == "in_channel"
        self._show(chat, message, thread=thread, to="" if public else response.user.name)
        return ""

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self.breaches.append("response_url: the app's token was sent along")
        response = self.tickets.answered(request.match_info["id"])
        if isinstance(response, str):
            return web.Response(status=404, text=response)
        problem = self.respond(response, json.loads(await request.read()))
        self.changed()
        return web.Response(status=500 if problem else 200, text=problem or "ok")

    def _closed(self, chat: Conversation | None) -> Answer | None:
        if chat is None:
            return refusal("channel_not_found")
        return None if chat.bot_is_in else refusal("not_in_channel")

    def _thread(self, chat: Conversation, arguments: Arguments) -> str:
        """Return the thread, which must have been begun by a message that everybody sees."""
        thread = str(arguments.get("thread_ts", ""))
        begun = chat.find(thread) if thread else None
        if thread and (begun is None or begun.to or begun.thread not in ("", thread)):
            self.breaches.append(f"no message that is there begins the thread {thread}")
        return thread

    def _own(self, arguments: Arguments, word: str) -> Shown | Answer:
        chat = self.world.conversations.get(str(arguments.get("channel")))
        if chat is None:
            return refusal("channel_not_found")
        shown = chat.find(str(arguments.get("ts")))
        if shown is None or shown.to:
            return refusal("message_not_found")
        return shown if shown.author == BOT else refusal(word)

    def _show(self, chat: Conversation, said: Arguments, *, thread: str, to: str = "") -> Shown:
        shown = Shown(self.world.ts(), chat.id, BOT, thread=thread, to=to)
        self._say(shown, said)
        chat.shown.append(shown)
        if not to:
            self.posted(chat, shown)
        return shown

    def _change(self, shown: Shown, said: Arguments) -> None:
        self._say(shown, said)
        shown.edits += 1

    @staticmethod
    def _say(shown: Shown, said: Arguments) -> None:
        blocks: list[dict[str, Any]] = said.get("blocks") or []
        shown.blocks, shown.fallback = blocks, str(said.get("text", ""))
