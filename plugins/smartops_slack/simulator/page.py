"""A page in the browser on which a person talks to the app, as in Slack."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from html import escape
from importlib.resources import files
from typing import Any

from aiohttp import web

from .html import dialog_as_html, message_as_html
from .sender import Delivered
from .service import Simulator
from .world import Conversation, Shown

PEOPLE = ("alice", "bob")
CHANNELS = ("ops", "dev")
_NEWS_SECONDS = 25.0


def pages(slack: Simulator, app: web.Application) -> None:
    """Serve the page and what it asks for."""
    page = Page(slack)
    app.router.add_get("/", page.show)
    app.router.add_get("/page/news", page.news)
    for name, act in (
        ("say", page.say),
        ("press", page.press),
        ("submit", page.submit),
        ("close", page.close),
    ):
        app.router.add_post(f"/page/{name}", act)


class Page:
    """Shows one conversation at a time, as one of the people there."""

    def __init__(self, slack: Simulator) -> None:
        self._slack = slack
        self._acts: set[asyncio.Task[Any]] = set()
        people = {name: slack.user(name) for name in PEOPLE}
        self._names = {user.id: user.name for user in people.values()}
        self._names[slack.app.user] = "SmartOps"
        for name in CHANNELS:
            slack.channel(name).members.update(people)

    async def show(self, request: web.Request) -> web.Response:
        """Return the whole page."""
        chat, user = self._where(request)
        read = files(__package__).joinpath
        places = [*CHANNELS, f"@{user}"]
        text = (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            '<meta name=viewport content="width=device-width"><link rel=icon href="data:,">'
            f"<title>SmartOps in a simulated Slack</title><style>{read('page.css').read_text()}"
            '</style><form id=where><label>You are <select name="user">'
            f"{''.join(_option(name, name, user) for name in PEOPLE)}</select></label>"
            '<label>in <select name="channel">'
            f"{''.join(_option(name, _title(name), chat.name) for name in places)}"
            "</select></label><span id=state></span></form>"
            f"<main id=messages>{self._rendered(chat, user)}</main>"
            '<form id=say><input name=text autocomplete=off autofocus placeholder="'
            f'{_invitation(chat, self._slack.app.command)}"><button>Send</button></form>'
            f"<div id=told role=status></div><script>{read('page.js').read_text()}</script>"
        )
        return web.Response(text=text, content_type="text/html")

    async def news(self, request: web.Request) -> web.Response:
        """Return the conversation once it is another than the one the page has."""
        chat, user = self._where(request)
        known = request.query.get("known", "")

        def is_new() -> bool:
            return _mark(self._rendered(chat, user)) != known

        try:
            await self._slack.until(is_new, seconds=_NEWS_SECONDS)
        except TimeoutError:
            return web.Response(status=204)
        text = self._rendered(chat, user)
        return web.json_response({"html": text, "mark": _mark(text)})

    async def say(self, request: web.Request) -> web.Response:
        """Say what was typed: a slash command, or words to the app."""
        chat, user = self._where(request)
        fields = await request.post()
        text, thread = str(fields.get("text", "")).strip(), str(fields.get("thread", ""))
        command, _, rest = text.partition(" ")
        if command == self._slack.app.command:
            return await _told(self._slack.slash(rest, user=user, channel=chat.name))
        begun = chat.find(thread)
        said = self._slack.says(text, user=user, channel=chat.name, thread=begun)
        self._later(said)  # what is not taken is sent again, for minutes
        return web.Response(status=202)

    async def press(self, request: web.Request) -> web.Response:
        """Press a button in a message."""
        chat, user = self._where(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        shown = chat.find(fields.pop("ts", ""))
        if shown is None:
            return web.Response(status=404, text="That message is not there any more.")
        action = fields.pop("action", "")
        return await _told(self._slack.clicks(shown, action, user=user, inputs=fields))

    async def submit(self, request: web.Request) -> web.Response:
        """Submit a dialog."""
        fields = {name: str(value) for name, value in (await request.post()).items()}
        view = fields.pop("view", "")
        dialog = next((item for item in self._slack.dialogs if item.id == view), None)
        if dialog is None:
            return web.Response(status=404, text="That dialog is closed.")
        return await _told(self._slack.submits(dialog, fields))

    async def close(self, request: web.Request) -> web.Response:
        """Close a dialog without an answer."""
        view = (await request.post()).get("view")
        for dialog in self._slack.dialogs:
            if dialog.id == view:
                dialog.open = False
        self._slack.changed()
        return web.Response()

    def _where(self, request: web.Request) -> tuple[Conversation, str]:
        user = request.query.get("user", "")
        user = user if user in PEOPLE else PEOPLE[0]
        name = request.query.get("channel", "")
        return self._slack.channel(name if name in CHANNELS else f"@{user}"), user

    def _rendered(self, chat: Conversation, user: str) -> str:
        """Return what the person sees there: messages, those of a thread together, and dialogs."""
        threads: dict[str, list[str]] = {}
        for shown in chat.shown:
            if shown.deleted or shown.to not in ("", user):
                continue
            threads.setdefault(_thread(shown), []).append(message_as_html(shown, self._names))
        sections = (
            f'<section data-thread="{escape(ts)}">{first}'
            f'<div class="thread">{"".join(rest)}<button class="reply">Reply</button></div>'
            "</section>"
            for ts, (first, *rest) in threads.items()
        )
        dialogs = (item for item in self._slack.dialogs if item.user.name == user)
        drawn = (dialog_as_html(item, self._names) for item in dialogs)
        return "".join(sections) + "".join(drawn)

    def _later(self, act: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(act)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)


async def _told(act: Coroutine[Any, Any, Delivered]) -> web.Response:
    """Do it; what a person should hear of is the answer's text."""
    try:
        delivered = await act
    except (LookupError, ValueError) as error:
        return web.Response(status=409, text=str(error.args[0]))
    if delivered.taken:
        return web.Response()
    what = f"answered {delivered.status}" if delivered.status else "did not answer in time"
    return web.Response(status=502, text=f"SmartOps {what}.")


def _thread(shown: Shown) -> str:
    return shown.thread or shown.ts


def _option(value: str, label: str, chosen: str) -> str:
    mark = " selected" if value == chosen else ""
    return f'<option value="{escape(value)}"{mark}>{escape(label)}</option>'


def _title(name: str) -> str:
    return "a direct message with SmartOps" if name.startswith("@") else f"#{name}"


def _invitation(chat: Conversation, command: str) -> str:
    to = "Message SmartOps" if chat.direct else "Mention SmartOps"
    return escape(f"{to}, or type {command} and a command")


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
