"""The whole service, started on 127.0.0.1, and what tests do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
from aiohttp import web

from smartops import Clock

from .acts import Acts, App, button, filled, typed
from .files import Files
from .posting import Posting
from .sender import Delivered, Sender
from .sockets import Sockets
from .tickets import Tickets
from .views import Views
from .webapi import Call, Fault, WebApi
from .world import BOT, Conversation, Dialog, File, Shown, User, World

TEAM = "T0SIMULATED"
BOT_TOKEN = "xoxb-simulated"  # noqa: S105
APP_TOKEN = "xapp-simulated"  # noqa: S105
SECRET = "simulated-signing-secret"  # noqa: S105
MENTIONS = frozenset({"app_mention", "message.im"})


class Simulator:
    """A Slack with one workspace, one app, and whoever is named.

    ``api``, ``posting``, ``sender`` and ``sockets`` are its parts, for tests that
    look closer. ``bot`` must be set to the URL of the app's endpoint, unless the
    app connects by Socket Mode. ``subscriptions`` are the events that the app gets:
    add ``message.channels`` for everything that is said in channels.
    """

    def __init__(
        self, *, team: str, clock: Clock, secret: str, bot_token: str, app_token: str
    ) -> None:
        self.clock = clock
        self.breaches: list[str] = []
        self.subscriptions = set(MENTIONS)
        self.app = App(team, "A0SIMULATED", "U0SMARTOPS", "B0SMARTOPS")
        self.world = World(team, clock)
        self.tickets = Tickets(clock)
        self.acts = Acts(self.world, self.app, self.tickets)
        self.sender = Sender(secret, clock, self.breaches)
        self.sockets = Sockets(clock, self.app.id, self.breaches)
        self.posting = Posting(self.world, self.tickets, self.breaches)
        self.views = Views(self.world, self.tickets)
        self.files = Files(self.world, self.breaches)
        self.api = WebApi(
            self.world,
            self.app,
            clock,
            bot_token,
            app_token,
            self.posting,
            self.views,
            self.files,
            self.sockets,
            self.breaches,
        )
        for part in (self.sender, self.sockets, self.posting, self.files, self.api):
            part.changed = self.changed
        self.posting.posted = self.files.posted = self._posted
        self.url = ""
        self._news = anyio.Event()
        self._telling: set[asyncio.Task[Any]] = set()

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        team: str = TEAM,
        secret: str = SECRET,
        bot_token: str = BOT_TOKEN,
        app_token: str = APP_TOKEN,
        clock: Clock | None = None,
        port: int = 0,
        pages: Callable[[Self, web.Application], None] | None = None,
    ) -> AsyncIterator[Self]:
        """Run the service; at the end, raises AssertionError if there were breaches."""
        self = cls(
            team=team,
            clock=clock or Clock(),
            secret=secret,
            bot_token=bot_token,
            app_token=app_token,
        )
        app = web.Application(client_max_size=1 << 26)
        for part in (self.api, self.posting, self.files, self.sockets):
            part.routes(app)
        if pages is not None:
            pages(self, app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self.acts.url = self.files.url = self.sockets.url = self.url
            yield self
        finally:
            for task in self._telling:
                task.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)
            await self.sockets.aclose()
            await self.sender.aclose()
            await runner.cleanup()
        assert not self.breaches, "\n".join(self.breaches)

    @property
    def bot(self) -> str:
        """The URL of the app's endpoint."""
        return self.sender.bot

    @bot.setter
    def bot(self, url: str) -> None:
        self.sender.bot = url

    def settings(self, *, socket_mode: bool = False, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: slack:`` for the app, its secrets as plain text."""
        proof = {"app_token": self.api.app_token} if socket_mode else {}
        return {
            "bot_token": self.api.bot_token,
            **(proof or {"signing_secret": self.sender.secret}),
            "workspaces": [self.app.team],
            "api_url": f"{self.url}/api/",
            **more,
        }

    @property
    def rejected(self) -> Sequence[Call]:
        """The app's calls that were not answered with ok."""
        return self.api.rejected

    @property
    def ephemeral(self) -> list[Shown]:
        """What single people were shown, in all conversations, in order."""
        found = [item for chat in self.world.conversations.values() for item in chat.ephemeral]
        return sorted(found, key=lambda item: item.ts)

    @property
    def dialogs(self) -> list[Dialog]:
        """The dialogs that are open."""
        return [dialog for dialog in self.views.dialogs if dialog.open]

    def user(self, name: str) -> User:
        """Return a person; whoever is named is there."""
        return self.world.user(name)

    def channel(self, name: str) -> Conversation:
        """Return a conversation by id or name: ``ops``, or ``@alice`` for a direct message."""
        return self.world.conversation(name)

    def attached(self, name: str = "") -> list[File]:
        """Return the files that were shared, anywhere; those of a name, if one is given."""
        found = (file for file in self.files.files.values() if file.channel)
        return [file for file in found if name in ("", file.name)]

    def fail(self, error: str = "", **how: Any) -> None:
        """Let the next calls of the app go wrong; see :class:`Fault`."""
        self.api.faults.append(Fault(error, **how))

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        channel: str = "",
        thread: Shown | None = None,
        mention: bool = True,
    ) -> Shown:
        """Let a person say something, and return it once the app has taken it.

        Without ``channel`` it is said to the app alone. In channels the app is
        mentioned, and is told of nothing without, unless it is subscribed to
        ``message.channels``.
        """
        chat = self.channel(channel or f"@{user}")
        chat.members.setdefault(user, self.user(user))
        named = mention and not chat.direct
        said = Shown(self.world.ts(), chat.id, user)
        said.fallback = f"<@{self.app.user}> {typed(text)}" if named else typed(text)
        if thread is not None:
            said.thread = thread.thread or thread.ts
        chat.shown.append(said)
        for event in self.told(said, mention=named):
            await self.delivers(event)
        return said

    def told(self, said: Shown, *, mention: bool = True) -> list[dict[str, Any]]:
        """Return the events by which the app hears of what somebody said, each with a new id."""
        chat = self.channel(said.channel)
        kinds = ["app_mention"] if mention and not chat.direct else []
        if ("message.im" if chat.direct else "message.channels") in self.subscriptions:
            kinds.append("message")
        return [self.acts.message(chat, said, kind) for kind in kinds]

    async def edits(self, said: Shown, text: str) -> Delivered:
        """Let a person change what they said."""
        before, said.fallback = said.fallback, typed(text)
        said.edits += 1
        chat = self.channel(said.channel)
        return await self.delivers(self.acts.edited(chat, said, before, self.world.ts()))

    async def slash(self, text: str, *, user: str = "alice", channel: str = "") -> Delivered:
        """Let a person type the slash command; what the app answers at once is shown to them."""
        chat = self.channel(channel or f"@{user}")
        person = chat.members.setdefault(user, self.user(user))
        form = self.acts.slash(chat, person, text)
        if self.sockets.open:
            delivered = await self.sockets.deliver("slash_commands", form, answers=True)
        else:
            delivered = await self.sender.form(form)
        answer = delivered.json if delivered.taken else {}
        if answer:
            response = self.tickets.answered(form["response_url"].rpartition("/")[2])
            assert not isinstance(response, str)
            self.posting.respond(response, answer)
            self.changed()
        return delivered

    async def clicks(
        self,
        shown: Shown,
        action: str,
        *,
        user: str = "alice",
        inputs: Mapping[str, str] | None = None,
    ) -> Delivered:
        """Let a person press the button of this label or kind, with what is filled in.

        Raises LookupError if this person sees no such button.
        """
        chat = self.channel(shown.channel)
        if shown.deleted or shown.to not in ("", user):
            raise LookupError(f"{user} does not see that message")
        person = chat.members.setdefault(user, self.user(user))
        pressed = button(shown, action)
        values = filled(shown.blocks, inputs or {})
        return await self.interacts(self.acts.pressed(chat, shown, person, pressed, values))

    async def submits(self, dialog: Dialog, values: Mapping[str, str]) -> Delivered:
        """Let the person submit a dialog; raises ValueError if something is missing in it."""
        state = filled(dialog.view["blocks"], values)
        delivered = await self.interacts(self.acts.submitted(dialog, state))
        if delivered.taken:
            self.views.answered(dialog, delivered.json)
        return delivered

    async def shown(self, channel: str, *, count: int = 1) -> Shown:
        """Return the app's last message there, waiting until it has said ``count``."""
        chat = self.channel(channel)
        await self.until(lambda: len(chat.answers) >= count)
        return chat.answers[-1]

    async def until(self, wanted: Callable[[], Any], *, seconds: float = 20.0) -> None:
        """Wait until something is so, looking whenever something has happened here."""
        with anyio.fail_after(seconds):
            while not wanted():
                await self._news.wait()

    async def delivers(self, event: Mapping[str, Any]) -> Delivered:
        """Tell the app of an event."""
        if self.sockets.open:
            return await self.sockets.deliver("events_api", event)
        return await self.sender.event(event)

    async def interacts(self, payload: Mapping[str, Any]) -> Delivered:
        """Tell the app of an interaction."""
        if self.sockets.open:
            answers = payload["type"] == "view_submission"
            return await self.sockets.deliver("interactive", payload, answers=answers)
        return await self.sender.interaction(payload)

    def _posted(self, chat: Conversation, shown: Shown) -> None:
        """Tell the app of its own message, where it hears what is said."""
        kind = "message.im" if chat.direct else "message.channels"
        if shown.author == BOT and kind in self.subscriptions and (self.bot or self.sockets.open):
            self._later(self.delivers(self.acts.own(chat, shown)))

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def changed(self) -> None:
        """Tell everybody who waits that something has happened here."""
        self._news.set()
        self._news = anyio.Event()  # whoever waits has the old one
