"""A page in the browser on which a person talks to the bot, as in Teams."""

from __future__ import annotations

import asyncio
import hashlib
from html import escape
from importlib.resources import files

from aiohttp import web

from .html import shown_as_html
from .service import Simulator
from .world import Conversation

PEOPLE = ("alice", "bob")
PLACES = ("with alice", "with bob", "ops", "group crew")
_ANSWER_SECONDS = 25.0


def pages(teams: Simulator, app: web.Application) -> None:
    """Serve the page and what it asks for."""
    page = Page(teams)
    app.router.add_get("/", page.show)
    app.router.add_get("/page/messages", page.messages)
    app.router.add_post("/page/say", page.say)
    app.router.add_post("/page/click", page.click)


class Page:
    """Shows one conversation at a time, as one of the people there."""

    def __init__(self, teams: Simulator) -> None:
        self._teams = teams
        for name in PLACES:
            teams.conversation(name)

    async def show(self, request: web.Request) -> web.Response:
        """Return the whole page."""
        chat, user = self._where(request)
        style = files(__package__).joinpath("page.css").read_text()
        script = files(__package__).joinpath("page.js").read_text()
        people = "".join(_option(name, name.title(), user) for name in PEOPLE)
        places = "".join(_option(name, _title(name), chat.name) for name in self._places(user))
        text = (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            '<meta name=viewport content="width=device-width"><link rel=icon href="data:,">'
            f"<title>SmartOps in a simulated Teams</title><style>{style}</style>"
            '<form id=where method=get><label>You are <select name="user">'
            f'{people}</select></label> <label>in <select name="conversation">{places}</select>'
            '</label> <span id="state"></span></form>'
            f'<main id="messages">{self._rendered(chat, user)}</main>'
            '<form id=say><input name=text autocomplete=off autofocus placeholder="Say something">'
            f"<button>Send</button></form><div id=told role=status></div><script>{script}</script>"
        )
        return web.Response(text=text, content_type="text/html")

    async def messages(self, request: web.Request) -> web.Response:
        """Return the conversation once it is another than the one the page has."""
        chat, user = self._where(request)
        known = request.query.get("known", "")

        def is_new() -> bool:
            return _mark(self._rendered(chat, user)) != known

        try:
            await self._teams.until(is_new, seconds=_ANSWER_SECONDS)
        except TimeoutError:
            return web.Response(status=204)
        text = self._rendered(chat, user)
        return web.json_response({"html": text, "mark": _mark(text)})

    async def say(self, request: web.Request) -> web.Response:
        """Say what was typed."""
        chat, user = self._where(request)
        text = str((await request.post()).get("text", ""))
        saying = self._teams.says(text, user=user, conversation=chat.name)
        self._saying = asyncio.create_task(saying)  # its answers come by themselves
        return web.Response(status=202)

    async def click(self, request: web.Request) -> web.Response:
        """Press a button, and return the words that are shown beside the card."""
        chat, user = self._where(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        shown = chat.find(fields.pop("message", ""))
        if shown is None:
            return web.Response(status=404, text="The message is not there any more.")
        try:
            answer = await self._teams.clicks(
                shown, fields.pop("what", ""), user=user, inputs=fields
            )
        except (LookupError, ValueError) as error:
            return web.Response(status=409, text=str(error.args[0]))
        if answer.status != 200:
            return web.Response(status=502, text=f"The bot answered {answer.status}.")
        return web.Response(text=answer.words)

    def _where(self, request: web.Request) -> tuple[Conversation, str]:
        user = request.query.get("user", "")
        user = user if user in PEOPLE else PEOPLE[0]
        name = request.query.get("conversation", "")
        name = name if name in self._places(user) else f"with {user}"
        return self._teams.conversation(name), user

    def _places(self, user: str) -> list[str]:
        return [name for name in PLACES if not name.startswith("with ") or name == f"with {user}"]

    def _rendered(self, chat: Conversation, user: str) -> str:
        """Return the messages, those of a thread together."""
        present = [shown for shown in chat.activities if not shown.deleted]
        threads: dict[str, list[str]] = {}
        for shown in present:
            thread = shown.thread if chat.kind == "channel" else ""
            threads.setdefault(thread, []).append(shown_as_html(shown, user))
        kind = ' class="thread"' if chat.kind == "channel" else ""
        return "".join(f"<section{kind}>{''.join(items)}</section>" for items in threads.values())


def _option(value: str, label: str, chosen: str) -> str:
    mark = " selected" if value == chosen else ""
    return f'<option value="{escape(value)}"{mark}>{escape(label)}</option>'


def _title(name: str) -> str:
    if name.startswith("with "):
        return "a chat with SmartOps"
    return f"the group {name[6:]}" if name.startswith("group ") else f"the channel {name}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
