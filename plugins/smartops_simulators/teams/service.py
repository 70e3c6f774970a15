"""The whole simulated Teams, and what people do in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from aiohttp import web

from smartops import Clock
from smartops.testing.issuer import SigningKey, StandInIssuer
from smartops_simulators.platform import Delivered, Fault, Platform
from smartops_simulators.printed import configuration

from .activities import Activities
from .connector import Connector
from .limits import faults_of_card
from .login import Login
from .model import CARD, Clicked, Conversation, Message, User

APP_ID = "1f0c6a2e-5b7d-4c3a-9e8f-0a1b2c3d4e5f"
TENANT = "aaaaaaaa-1111-4222-8333-444444444444"
SECRET = "simulated"  # noqa: S105
ISSUER = "https://api.botframework.com"
FIRST_ID = 1_700_000_000_000
"""Teams numbers messages by the millisecond."""

AGAIN_AFTER, ANEW_AFTER = (15.0, 15.0), 30.0
"""After how many seconds an activity without an answer is sent again, and with a new id."""


@cache
def _framework_key() -> SigningKey:
    """Return the key of all simulators of this process, because generating one is slow."""
    return SigningKey.create(endorsements=["msteams", "webchat"])


class TeamsSimulator(Platform[User, Conversation]):
    """A Teams with one tenant and one bot.

    ``framework`` signs the activities, ``login`` hands
    out the tokens of the connector. ``posted`` are the ids of all activities that were sent,
    ``unreachable`` the names of people who do not have the app. ``check_card`` is a further check
    of cards, which raises AssertionError.
    """

    title = "Teams"
    timeout = 15.0

    def __init__(
        self, clock: Clock, *, app_id: str = APP_ID, tenant: str = TENANT, secret: str = SECRET
    ) -> None:
        super().__init__(clock)
        self._numbers = itertools.count(FIRST_ID)
        self.framework = StandInIssuer(
            issuer=ISSUER, audience=app_id, claims={"sub": None}, clock=clock
        )
        self.framework.keys.append(_framework_key())
        self.login = Login(app_id, tenant, clock, secret)
        self.account = {"id": f"28:{app_id}", "name": "SmartOps"}
        self.connector = Connector(self)
        self.service_url = ""
        self.posted: list[str] = []
        self.unreachable: set[str] = set()
        self.check_card: Callable[[dict[str, Any]], None] | None = None

    def routes(self, app: web.Application) -> None:
        self.framework.routes(app, "/v1")
        self.login.routes(app)
        self.connector.routes(app)

    def started(self) -> None:
        self.framework.at(self.url)
        self.login.url = self.url
        self.service_url = f"{self.url}/"

    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        return self.connector.refused(fault, request)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: teams:`` for this simulator, but for the secret."""
        return {
            "app_id": self.login.app_id,
            "tenants": [self.login.tenant],
            "metadata": self.framework.metadata_url,
            "login_url": self.url,
            "service_hosts": ["127.0.0.1"],
            **more,
        }

    def printed(self) -> str:
        settings = self.settings(client_secret=self.login.secret)
        return configuration(self, settings, {"client_secret": "TEAMS_SECRET"})

    # --- people and conversations ---

    def number(self) -> str:
        return str(next(self._numbers))

    def new_user(self, name: str) -> User:
        return User.named(name, self.login.tenant)

    def new_conversation(self, name: str) -> Conversation:
        """Return ``ops``, a channel, or the chats ``with alice`` and ``group crew``."""
        chat = Conversation.named(name, self.login.tenant)
        if chat.kind == "personal":
            user = self.user(name.removeprefix("with "))
            chat.members[user.name] = user
        return chat

    def of(self, user: str, chat: Conversation) -> Activities:
        """Return the activities of a person, who is a member now."""
        return Activities(self, chat, chat.members.setdefault(user, self.user(user)))

    # --- what people do ---

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        conversation: str = "",
        thread: Message | None = None,
        mention: bool = True,
    ) -> Message:
        """Let a person say something, and return it once SmartOps has taken it.

        Without ``conversation`` it goes to the private chat. In channels and groups the bot is
        mentioned, and gets nothing without.
        """
        chat = self.conversation(conversation or f"with {user}")
        sent = self.of(user, chat).message(text, thread, mention=mention)
        begun = thread.thread if thread else sent["id"]
        shown = Message(id=sent["id"], author=user, activity=sent, thread=begun)
        chat.posted.append(shown)
        self.changed()
        if mention or chat.kind == "personal":
            await self.deliver(sent)
        return shown

    async def clicks(
        self,
        shown: Message,
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
        chats = self.conversations.values()
        made = self.of(user, next(chat for chat in chats if chat.find(shown.id)))
        if old_client:
            delivered = await self.deliver(made.submitted(shown, what, inputs or {}))
            return Clicked(delivered.status)
        pressed = made.invoke(shown, what, inputs or {})
        return self.saw(shown, user, await self.deliver(pressed))

    def saw(self, shown: Message, user: str, delivered: Delivered) -> Clicked:
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
        chat = self.conversation(conversation)
        made = self.of(user, chat)
        chat.bot_is_in = True
        await self.deliver(made.event(type="installationUpdate", action="add"))
        members = [self.account, *({"id": item.id} for item in chat.members.values())]
        await self.deliver(made.event(type="conversationUpdate", membersAdded=members))

    # --- the page ---

    def places(self, user: str) -> Mapping[str, str]:
        return {
            f"with {user}": "a chat with SmartOps",
            "ops": "the channel ops",
            "group crew": "the group crew",
        }

    async def page_says(self, place: str, user: str, text: str, thread: str) -> str:
        begun = self.conversation(place).find(thread)
        self.later(self.says(text, user=user, conversation=place, thread=begun))
        return ""

    async def page_presses(
        self, place: str, user: str, message: str, what: str, fields: dict[str, str]
    ) -> str:
        shown = self.conversation(place).find(message)
        if shown is None:
            raise LookupError("The message is not there any more.")
        answer = await self.clicks(shown, what, user=user, inputs=fields)
        return answer.words if answer.status == 200 else f"SmartOps answered {answer.status}."

    # --- what Teams sends ---

    async def deliver(self, activity: Mapping[str, Any]) -> Delivered:
        """Send an activity, again if it gets no answer, and return the answer."""
        delivered = await self.send(activity)
        for pause in AGAIN_AFTER:
            if not _unanswered(delivered):
                return delivered
            await self.clock.sleep(pause)
            delivered = await self.send(activity)
        if _unanswered(delivered):
            await self.clock.sleep(ANEW_AFTER)
            delivered = await self.send({**activity, "id": self.number()})
        return delivered

    async def send(self, activity: Mapping[str, Any]) -> Delivered:
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
        return self.framework.token(serviceurl=self.service_url)

    def _check(self, kind: str, delivered: Delivered) -> None:
        """Check the form of an answer, as the service does."""
        if delivered.status >= 500 and delivered.status != 501:
            breach = f"the bot answered {delivered.status} to an activity of type {kind}"
            self.breaches.append(breach)
        elif kind != "invoke" and delivered.status in (200, 202) and delivered.body:
            self.breaches.append(f"the bot answered {kind} with a body, which Teams ignores")
        elif kind == "invoke" and delivered.status == 200:
            try:
                complete = {"statusCode", "type", "value"} <= set(json.loads(delivered.body))
            except (ValueError, TypeError):
                complete = False
            if not complete:
                self.breaches.append("an invoke was answered without statusCode, type and value")


def _unanswered(delivered: Delivered) -> bool:
    return delivered.status in (0, 408, 500, 502, 503, 504)
