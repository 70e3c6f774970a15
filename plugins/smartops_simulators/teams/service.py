"""The whole simulated Teams, and what people do in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from smartops import Clock
from smartops.testing.issuer import SigningKey, StandInIssuer
from smartops_simulators.page import PageView
from smartops_simulators.platform import Delivered, Fault, Platform
from smartops_simulators.printed import configuration

from .acts import Act
from .connector import Connector
from .limits import faults_of_card
from .login import Login
from .world import CARD, Clicked, Conversation, Shown, User, World

APP_ID = "1f0c6a2e-5b7d-4c3a-9e8f-0a1b2c3d4e5f"
TENANT = "aaaaaaaa-1111-4222-8333-444444444444"
SECRET = "simulated"  # noqa: S105
ISSUER = "https://api.botframework.com"
AGAIN_AFTER, ANEW_AFTER = (15.0, 15.0), 30.0
"""After how many seconds an activity without an answer is sent again, and with a new id."""


class TeamsSimulator(Platform):
    """A Teams with one tenant and one bot; people and conversations are created by name.

    ``bot`` must be set to the URL of SmartOps. ``framework`` signs the activities, ``login`` hands
    out the tokens of the connector. ``posted`` are the ids of all activities that were sent,
    ``unreachable`` the names of people who do not have the app. ``check_card`` is a further check
    of cards, which raises AssertionError.
    """

    title = "Teams"
    patience = 15.0

    def __init__(
        self, clock: Clock, *, app_id: str = APP_ID, tenant: str = TENANT, secret: str = SECRET
    ) -> None:
        super().__init__(clock)
        self.world = World(tenant)
        self.framework = StandInIssuer(
            issuer=ISSUER, audience=app_id, claims={"sub": None}, clock=clock
        )
        self.framework.keys.append(SigningKey.create(endorsements=["msteams", "webchat"]))
        self.login = Login(app_id, tenant, clock, secret)
        self.account = {"id": f"28:{app_id}", "name": "SmartOps"}
        self.connector = Connector(self)
        self.service_url = ""
        self.posted: list[str] = []
        self.unreachable: set[str] = set()
        self.check_card: Callable[[dict[str, Any]], None] | None = None

    def routes(self, app: web.Application) -> None:
        """Serve what SmartOps calls."""
        self.framework.routes(app, "/v1")
        self.login.routes(app)
        self.connector.routes(app)

    def started(self) -> None:
        """Use the address."""
        self.framework.at(self.url)
        self.login.url = self.url
        self.service_url = f"{self.url}/"

    def view(self) -> PageView:
        """Return what the page in the browser shows."""
        from .draw import TeamsView

        return TeamsView(self)

    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        """Return the answer of a fault."""
        return self.connector.refused(fault, request)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: teams:`` for this simulator, but for the secret."""
        return {
            "app_id": self.login.app_id,
            "tenants": [self.world.tenant],
            "metadata": self.framework.metadata_url,
            "login_url": self.url,
            "service_hosts": ["127.0.0.1"],
            **more,
        }

    def printed(self) -> Iterator[str]:
        """Return the lines of a configuration for this simulator."""
        settings = self.settings(client_secret=self.login.secret)
        return configuration(self, "teams", settings, {"client_secret": "TEAMS_SECRET"})

    def user(self, name: str) -> User:
        """Return a person."""
        return self.world.user(name)

    def conversation(self, name: str) -> Conversation:
        """Return a conversation by name: ``ops`` (a channel), ``group crew``, ``with alice``."""
        return self.world.conversation(name)

    def act(self, chat: Conversation, user: str) -> Act:
        """Return the activities of a person, who is a member now."""
        return Act(self, chat, chat.members.setdefault(user, self.user(user)))

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        conversation: str = "",
        thread: Shown | None = None,
        mention: bool = True,
    ) -> Shown:
        """Let a person say something, and return it once SmartOps has taken it.

        Without ``conversation`` it is said to the bot alone. In channels and groups the bot is
        mentioned, and gets nothing without.
        """
        chat = self.conversation(conversation or f"with {user}")
        said = self.act(chat, user).message(text, thread, mention=mention)
        shown = Shown(said["id"], user, said, thread.thread if thread else said["id"])
        chat.activities.append(shown)
        self.changed()
        if mention or chat.kind == "personal":
            await self.deliver(said)
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

        An old client sends a message instead, whose answer comes to the conversation. Raises
        LookupError if this person sees no such button.
        """
        chats = self.world.conversations.values()
        act = self.act(next(chat for chat in chats if chat.find(shown.id)), user)
        if old_client:
            delivered = await self.deliver(act.submitted(shown, what, inputs or {}))
            return Clicked(delivered.status)
        pressed = act.invoke(shown, what, inputs or {})
        return self.saw(shown, user, await self.deliver(pressed))

    def saw(self, shown: Shown, user: str, delivered: Delivered) -> Clicked:
        """Show a person the answer to a pressed button."""
        answer = delivered.json if delivered.status == 200 else None
        if not isinstance(answer, dict):
            return Clicked(delivered.status)
        if answer.get("type") == CARD:
            card = answer["value"]
            self.breaches.extend(faults_of_card(card))
            if self.check_card is not None:
                self.check_card(card)
            shown.views[user] = card
            self.changed()
            return Clicked(answer["statusCode"], card)
        value = answer.get("value")
        return Clicked(answer["statusCode"], words=value if isinstance(value, str) else str(value))

    async def install(self, conversation: str, *, user: str = "alice") -> None:
        """Let a person add the bot to a conversation."""
        chat = self.conversation(conversation)
        act = self.act(chat, user)
        chat.bot_is_in = True
        await self.deliver(act.event(type="installationUpdate", action="add"))
        members = [self.account, *({"id": item.id} for item in chat.members.values())]
        await self.deliver(act.event(type="conversationUpdate", membersAdded=members))

    async def remove(self, conversation: str, *, user: str = "alice") -> None:
        """Let a person remove the bot from a conversation."""
        chat = self.conversation(conversation)
        act = Act(self, chat, self.user(user))
        chat.bot_is_in = False
        await self.deliver(act.event(type="conversationUpdate", membersRemoved=[self.account]))
        await self.deliver(act.event(type="installationUpdate", action="remove"))

    async def shown(self, conversation: str, *, count: int = 1) -> Shown:
        """Return the last message of SmartOps there, waiting until there are ``count``."""
        chat = self.conversation(conversation)
        await self.until(lambda: len(chat.answers) >= count)
        return chat.answers[-1]

    async def deliver(self, activity: Mapping[str, Any]) -> Delivered:
        """Send an activity, again if it gets no answer, and return the answer."""
        delivered = await self.send(activity)
        for pause in AGAIN_AFTER if self.resends else ():
            if not _unanswered(delivered):
                return delivered
            await self.clock.sleep(pause)
            delivered = await self.send(activity)
        if self.resends and _unanswered(delivered):
            await self.clock.sleep(ANEW_AFTER)
            delivered = await self.send({**activity, "id": self.world.number()})
        return delivered

    async def send(self, activity: Mapping[str, Any]) -> Delivered:
        """Send an activity once."""
        self.posted.append(activity["id"])
        headers = {
            "Authorization": f"Bearer {self.sign()}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Microsoft-BotFramework/3.1 (BotService)",
        }
        delivered = await self.post(json.dumps(activity).encode(), headers)
        self._check(activity["type"], delivered)
        return delivered

    def sign(self) -> str:
        """Return a token as it goes with an activity."""
        return self.framework.token(serviceurl=self.service_url)

    def _check(self, kind: str, delivered: Delivered) -> None:
        """Check the form of an answer, as the service does."""
        if delivered.status >= 500 and delivered.status != 501:
            breach = f"the bot answered {delivered.status} to an activity of type {kind}"
            self.breaches.append(breach)
        elif kind != "invoke" and delivered.status in (200, 202) and delivered.body:
            self.breaches.append(f"the bot answered {kind} with a body nobody reads")
        elif kind == "invoke" and delivered.status == 200:
            try:
                complete = {"statusCode", "type", "value"} <= set(json.loads(delivered.body))
            except (ValueError, TypeError):
                complete = False
            if not complete:
                self.breaches.append("an invoke was answered without statusCode, type and value")


def _unanswered(delivered: Delivered) -> bool:
    return delivered.status in (0, 408, 500, 502, 503, 504)
