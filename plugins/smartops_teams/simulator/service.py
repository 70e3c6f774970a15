"""The whole service, started on 127.0.0.1, and what tests do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
from aiohttp import web

from smartops import Clock

from .acts import Act
from .connector import Call, Connector, Fault
from .limits import faults_of_card
from .login import Login
from .sender import Delivered, Sender
from .world import CARD, Clicked, Conversation, Shown, User, World

APP_ID = "1f0c6a2e-5b7d-4c3a-9e8f-0a1b2c3d4e5f"
TENANT = "aaaaaaaa-1111-4222-8333-444444444444"
TEXT = "application/vnd.microsoft.activity.message"


class Simulator:
    """A Teams with one tenant, one bot, and whoever is named.

    ``login``, ``connector`` and ``sender`` are its parts, for tests that look
    closer. ``bot`` must be set to the URL of the bot's messaging endpoint.
    """

    def __init__(self, *, app_id: str, tenant: str, clock: Clock, secret: str) -> None:
        self.clock = clock
        self.world = World(tenant)
        self.login = Login(app_id, tenant, clock, secret)
        self.account = {"id": f"28:{app_id}", "name": "SmartOps"}
        self.connector = Connector(self.world, self.login, clock, self.account["id"])
        self.breaches = self.connector.breaches
        self.sender = Sender(self.login, clock, self.world.number, self.breaches)
        self.connector.changed = self.sender.changed = self._changed
        self.url = ""
        self._news = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        app_id: str = APP_ID,
        tenant: str = TENANT,
        secret: str = "simulated",  # noqa: S107
        clock: Clock | None = None,
        port: int = 0,
        pages: Callable[[Self, web.Application], None] | None = None,
    ) -> AsyncIterator[Self]:
        """Run the service; at the end, raises AssertionError if there were breaches."""
        self = cls(app_id=app_id, tenant=tenant, clock=clock or Clock(), secret=secret)
        app = web.Application(client_max_size=1 << 24)
        self.login.routes(app)
        self.connector.routes(app)
        if pages is not None:
            pages(self, app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = self.login.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self.sender.service_url = f"{self.url}/"
            yield self
        finally:
            await self.sender.aclose()
            await runner.cleanup()
        assert not self.breaches, "\n".join(self.breaches)

    @property
    def bot(self) -> str:
        """The URL of the bot's messaging endpoint."""
        return self.sender.bot

    @bot.setter
    def bot(self, url: str) -> None:
        self.sender.bot = url

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: teams:`` for a bot of this service, but for its secret."""
        return {
            "app_id": self.login.app_id,
            "tenants": [self.world.tenant],
            "metadata": f"{self.url}/v1/.well-known/openidconfiguration",
            "login_url": self.url,
            "service_hosts": ["127.0.0.1"],
            **more,
        }

    @property
    def rejected(self) -> Sequence[Call]:
        """The bot's calls that were answered with an error."""
        return self.connector.rejected

    def user(self, name: str) -> User:
        """Return a person; whoever is named is there."""
        return self.world.user(name)

    def conversation(self, name: str) -> Conversation:
        """Return a conversation by name: ``ops`` (a channel), ``group crew``, ``with alice``."""
        return self.world.conversation(name)

    def fail(self, status: int = 0, **how: Any) -> None:
        """Let the next calls of the bot go wrong; see :class:`Fault`."""
        self.connector.faults.append(Fault(status, **how))

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        conversation: str = "",
        thread: Shown | None = None,
        mention: bool = True,
    ) -> Shown:
        """Let a person say something, and return it once the bot has taken it.

        Without ``conversation`` it is said to the bot alone. In channels and
        groups the bot is mentioned, and gets nothing without.
        """
        chat = self.conversation(conversation or f"with {user}")
        person = self.user(user)
        chat.members.setdefault(user, person)
        said = Act(self, chat, person).message(text, thread, mention=mention)
        shown = Shown(said["id"], user, said, thread.thread if thread else said["id"])
        chat.activities.append(shown)
        if mention or chat.kind == "personal":
            await self.sender.deliver(said)
        return shown

    async def clicks(
        self,
        shown: Shown,
        what: str,
        *,
        user: str = "alice",
        inputs: Mapping[str, str] | None = None,
        old_client: bool = False,
    ) -> Clicked:
        """Let a person press the button of this title or verb, with what is filled in.

        An old client sends a message instead, whose answer comes to the
        conversation. Raises LookupError if this person sees no such button.
        """
        chat = next(item for item in self.world.conversations.values() if shown in item.activities)
        person = self.user(user)
        chat.members.setdefault(user, person)
        act = Act(self, chat, person)
        if old_client:
            said = act.submitted(shown, what, inputs or {})
            return Clicked((await self.sender.deliver(said)).status)
        pressed = act.invoke(shown, what, inputs or {})
        return self.saw(shown, user, await self.sender.deliver(pressed))

    def saw(self, shown: Shown, user: str, delivered: Delivered) -> Clicked:
        """Show a person what the bot answered to a pressed button."""
        answer = delivered.json if delivered.status == 200 else None
        if not isinstance(answer, dict):
            return Clicked(delivered.status)
        if answer.get("type") == CARD:
            card = answer["value"]
            self.breaches.extend(faults_of_card(card))
            if self.connector.check_card is not None:
                self.connector.check_card(card)
            shown.views[user] = card
            return Clicked(answer["statusCode"], card)
        value = answer.get("value")
        return Clicked(answer["statusCode"], words=value if isinstance(value, str) else str(value))

    async def install(self, conversation: str, *, user: str = "alice") -> None:
        """Let a person add the bot to a conversation."""
        chat = self.conversation(conversation)
        chat.members.setdefault(user, self.user(user))
        chat.bot_is_in = True
        await self._happens(chat, user, type="installationUpdate", action="add")
        members = [self.account, *({"id": item.id} for item in chat.members.values())]
        await self._happens(chat, user, type="conversationUpdate", membersAdded=members)

    async def remove(self, conversation: str, *, user: str = "alice") -> None:
        """Let a person remove the bot from a conversation."""
        chat = self.conversation(conversation)
        chat.bot_is_in = False
        await self._happens(chat, user, type="conversationUpdate", membersRemoved=[self.account])
        await self._happens(chat, user, type="installationUpdate", action="remove")

    async def shown(self, conversation: str, *, count: int = 1) -> Shown:
        """Return the bot's last message there, waiting until it has said ``count``."""
        chat = self.conversation(conversation)
        await self.until(lambda: len(chat.answers) >= count)
        return chat.answers[-1]

    async def until(self, wanted: Callable[[], bool], *, seconds: float = 20.0) -> None:
        """Wait until something is so, looking whenever something has happened here."""
        with anyio.fail_after(seconds):
            while not wanted():
                await self._news.wait()

    async def _happens(self, chat: Conversation, user: str, **members: Any) -> None:
        await self.sender.deliver(Act(self, chat, self.user(user)).event(**members))

    def _changed(self) -> None:
        self._news.set()
        self._news = anyio.Event()  # whoever waits has the old one
