"""The page in the browser on which people talk to SmartOps; one page for all platforms."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from aiohttp import web

PEOPLE = ("alice", "bob")
HINTS = ("help", "list instances", "check health", "stop web-server-01")
_NEWS_SECONDS = 25.0


class PageView(ABC):
    """What the page shows of a platform, and what people do there."""

    title: str
    platform: Any

    @abstractmethod
    def places(self, user: str) -> Mapping[str, str]:
        """Return the conversations of a person: a label for each name, the first is the default."""

    @abstractmethod
    def rendered(self, place: str, user: str) -> str:
        """Return what the person sees there as HTML; empty if there is nothing yet."""

    @abstractmethod
    def count(self, place: str, user: str) -> int:
        """Return how many messages of SmartOps the person has there."""

    def invitation(self, place: str) -> str:
        """Return the placeholder of the text field."""
        return "Message SmartOps"

    @abstractmethod
    async def say(self, place: str, user: str, text: str, thread: str) -> str:
        """Say something; return what the person is told beside the conversation."""

    @abstractmethod
    async def press(self, place: str, user: str, fields: dict[str, str]) -> str:
        """Press a button with what is filled in; raises LookupError or ValueError."""


class Page:
    """Shows one conversation at a time, as one of the people there."""

    def __init__(self, view: PageView) -> None:
        self._view = view
        self._read: dict[tuple[str, str], int] = {}

    def routes(self, app: web.Application) -> None:
        """Serve the page and its requests."""
        app.router.add_get("/", self._show)
        app.router.add_get("/page/news", self._news)
        app.router.add_post("/page/say", self._say)
        app.router.add_post("/page/press", self._press)

    async def _show(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        name = self._view.title
        read = files(__package__).joinpath
        hints = " ".join(f"<button type=button>{escape(hint)}</button>" for hint in HINTS)
        text = (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            '<meta name=viewport content="width=device-width"><link rel=icon href="data:,">'
            f"<title>SmartOps in a simulated {name}</title>"
            f"<style>{read('page.css').read_text()}</style><body class={name.lower()}>"
            f"<form id=where><label>You are {_select('user', dict.fromkeys(PEOPLE, ''), user)}"
            f"</label><label>in {_select('place', self._view.places(user), place)}</label>"
            "<span id=news></span><label id=width><input type=checkbox> narrow</label></form>"
            f"<p id=state role=alert></p><main id=messages></main>"
            f"<p id=hints>Nothing has been said here. Say, for example: {hints}</p>"
            "<form id=say><input name=text autocomplete=off autofocus placeholder="
            f'"{escape(self._view.invitation(place))}"><button>Send</button></form>'
            f"<div id=told role=status></div><script>{read('page.js').read_text()}</script>"
        )
        return web.Response(text=text, content_type="text/html")

    async def _news(self, request: web.Request) -> web.Response:
        """Answer once the page shows something else than what it has."""
        place, user = self._where(request)
        platform, known = self._view.platform, request.query.get("known", "")
        try:
            await platform.until(
                lambda: self._shown(place, user)["mark"] != known, seconds=_NEWS_SECONDS
            )
        except TimeoutError:
            return web.Response(status=204)
        return web.json_response(self._shown(place, user))

    def _shown(self, place: str, user: str) -> dict[str, Any]:
        self._read[place, user] = self._view.count(place, user)
        unread = [
            other
            for other in self._view.places(user)
            if self._view.count(other, user) > self._read.get((other, user), 0)
        ]
        html, trouble = self._view.rendered(place, user), self._view.platform.trouble
        mark = hashlib.sha256(repr((html, unread, trouble)).encode()).hexdigest()
        return {"html": html, "unread": unread, "trouble": trouble, "mark": mark}

    async def _say(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        fields = await request.post()
        text, thread = str(fields.get("text", "")).strip(), str(fields.get("thread", ""))
        told = await self._view.say(place, user, text, thread)
        return web.Response(status=202, text=told)

    async def _press(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        try:
            return web.Response(text=await self._view.press(place, user, fields))
        except (LookupError, ValueError) as error:
            return web.Response(status=409, text=str(error.args[0]))

    def _where(self, request: web.Request) -> tuple[str, str]:
        user = request.query.get("user", "")
        user = user if user in PEOPLE else PEOPLE[0]
        places, place = self._view.places(user), request.query.get("place", "")
        return place if place in places else next(iter(places)), user


def _select(name: str, options: Mapping[str, str], chosen: str) -> str:
    written = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(label or value.title())}</option>"
        for value, label in options.items()
    )
    return f'<select name="{name}">{written}</select>'
