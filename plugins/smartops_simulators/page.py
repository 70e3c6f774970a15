"""The page in the browser on which people talk to SmartOps; one page for all platforms."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .chat import BOT

if TYPE_CHECKING:
    from .platform import Platform


PEOPLE = ("alice", "bob")
HINTS = ("help", "list instances", "check health", "stop web-server-01")
_NEWS_SECONDS = 25.0


class Page:
    """Shows one conversation at a time, as one of the people there."""

    def __init__(self, platform: Platform[Any, Any]) -> None:
        self._platform = platform
        self._read: dict[tuple[str, str], int] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._show)
        app.router.add_get("/page/news", self._news)
        app.router.add_post("/page/say", self._say)
        app.router.add_post("/page/press", self._press)

    async def _show(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        config = {
            "platform": self._platform.title.lower(),
            "user": user,
            "place": place,
            "people": PEOPLE,
            "places": self._platform.places(user),
            "invitation": self._platform.invitation(place),
            "hints": HINTS,
        }
        read = files(__package__).joinpath
        text = Template(read("page.html").read_text()).substitute(
            title=self._platform.title,
            page=json.dumps(config).replace("<", "\\u003c"),
            css=read("page.css").read_text(),
            js=read("draw.js").read_text() + read("page.js").read_text(),
        )
        return web.Response(text=text, content_type="text/html")

    async def _news(self, request: web.Request) -> web.Response:
        """Answer once the page shows something else than what it has."""
        place, user = self._where(request)
        known = request.query.get("known", "")
        try:
            await self._platform.until(
                lambda: self._shown(place, user)["mark"] != known, seconds=_NEWS_SECONDS
            )
        except TimeoutError:
            return web.Response(status=204)
        return web.json_response(self._shown(place, user))

    def _shown(self, place: str, user: str) -> dict[str, Any]:
        self._read[place, user] = self._count(place, user)
        shown = {
            "messages": self._platform.drawn(place, user),
            "threads": self._platform.conversation(place).threads,
            "names": self._platform.names(),
            "unread": [
                other
                for other in self._platform.places(user)
                if self._count(other, user) > self._read.get((other, user), 0)
            ],
            "trouble": self._platform.trouble,
        }
        written = json.dumps(shown, default=len)
        return {**json.loads(written), "mark": hashlib.sha256(written.encode()).hexdigest()}

    def _count(self, place: str, user: str) -> int:
        return sum(each.get("author") == BOT for each in self._platform.drawn(place, user))

    async def _say(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        fields = await request.post()
        text, thread = str(fields.get("text", "")).strip(), str(fields.get("thread", ""))
        answer = await self._platform.page_says(place, user, text, thread)
        return web.Response(status=202, text=answer)

    async def _press(self, request: web.Request) -> web.Response:
        place, user = self._where(request)
        fields = {name: str(value) for name, value in (await request.post()).items()}
        message, what = fields.pop("message", ""), fields.pop("what", "")
        try:
            answer = await self._platform.page_presses(place, user, message, what, fields)
        except (LookupError, ValueError) as error:
            return web.Response(status=409, text=str(error.args[0]))
        return web.Response(text=answer)

    def _where(self, request: web.Request) -> tuple[str, str]:
        user = request.query.get("user", "")
        user = user if user in PEOPLE else PEOPLE[0]
        places, place = self._platform.places(user), request.query.get("place", "")
        return place if place in places else next(iter(places)), user
