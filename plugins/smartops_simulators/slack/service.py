"""The simulated Slack, and what people do in it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from smartops import Clock
from smartops_simulators.chat import User
from smartops_simulators.page import PEOPLE
from smartops_simulators.platform import Delivered, Fault, Platform
from smartops_simulators.printed import configuration

from .model import Conversation, Dialog, File, Message, made_id
from .payloads import App, Payloads, button, filled, typed
from .sockets import Sockets
from .tickets import Tickets
from .webapi import WebApi

TEAM = "T0SIMULATED"
BOT_TOKEN = "xoxb-simulated"  # noqa: S105
APP_TOKEN = "xapp-simulated"  # noqa: S105
SECRET = "simulated-signing-secret"  # noqa: S105
CHANNELS = ("ops", "dev")
AGAIN_AFTER = (0.0, 60.0, 300.0)
"""After how many seconds an event that was not taken is sent again."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class SlackSimulator(Platform[User, Conversation]):
    """A Slack with one workspace and one app.

    Without ``bot`` SmartOps must connect by Socket Mode. ``subscriptions`` are the events that the
    app gets: add ``message.channels`` for all messages in channels.
    """

    title = "Slack"
    timeout = 3.0

    def __init__(
        self,
        clock: Clock,
        *,
        team: str = TEAM,
        secret: str = SECRET,
        bot_token: str = BOT_TOKEN,
        app_token: str = APP_TOKEN,
    ) -> None:
        super().__init__(clock)
        self.secret, self.bot_token, self.app_token = secret, bot_token, app_token
        self.subscriptions = {"app_mention", "message.im"}
        self.app = App(team, "A0SIMULATED", "U0SMARTOPS", "B0SMARTOPS")
        self.tickets = Tickets(clock)
        self.payloads = Payloads(self)
        self.sockets = Sockets(self)
        self.api = WebApi(self)
        self._last = 0

    def routes(self, app: web.Application) -> None:
        self.api.routes(app)
        self.sockets.routes(app)

    async def aclose(self) -> None:
        await self.sockets.aclose()
        await super().aclose()

    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        if fault.retry_after is not None:
            return self.api.limited(request.match_info.get("method", ""), fault.retry_after)
        if fault.status:
            return web.Response(status=fault.status, text="the test wants this")
        return web.json_response({"ok": False, "error": fault.error})

    def settings(self, *, socket_mode: bool = False, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: slack:``, its secrets as plain text."""
        secret = {"app_token": self.app_token} if socket_mode else {"signing_secret": self.secret}
        return {
            "bot_token": self.bot_token,
            **secret,
            "workspaces": [self.app.team],
            "api_url": f"{self.url}/api/",
            **more,
        }

    def printed(self) -> str:
        variables = {"bot_token": "SLACK_BOT_TOKEN", "signing_secret": "SLACK_SIGNING_SECRET"}
        return configuration(self, self.settings(), variables)

    # --- people and conversations ---

    def number(self) -> str:
        """Return the ``ts`` of a new message, later than all before."""
        self._last = max(self._last + 1, int(self.clock.time() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06}"

    def new_user(self, name: str) -> User:
        key = made_id("U", name)
        return User(name=name, id=key, identity=f"slack:{self.app.team}:{key}")

    def new_conversation(self, name: str) -> Conversation:
        """Return ``ops``, a channel, or ``@alice``, the direct message with that person."""
        if not name.startswith("@"):
            return Conversation(id=made_id("C", name), name=name)
        members = {name[1:]: self.user(name[1:])}
        return Conversation(id=made_id("D", name), name=name, members=members)

    def channel(self, name: str) -> Conversation:
        return self.conversation(name)

    @property
    def ephemeral(self) -> list[Message]:
        """The messages to one person alone, of all conversations, in order."""
        found = [item for chat in self.conversations.values() for item in chat.ephemeral]
        return sorted(found, key=lambda item: item.ts)

    @property
    def dialogs(self) -> list[Dialog]:
        return [dialog for dialog in self.api.dialogs if dialog.open]

    def attached(self, name: str = "") -> list[File]:
        """Return the files that were shared, anywhere; those of a name, if one is given."""
        found = (file for file in self.api.files.values() if file.channel)
        return [file for file in found if name in ("", file.name)]

    # --- what people do ---

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        channel: str = "",
        thread: Message | None = None,
        mention: bool = True,
    ) -> Message:
        """Let a person say something, and return it once SmartOps has taken it.

        Without ``channel`` it is a direct message. In channels the app is mentioned; without it
        gets no event, unless it is subscribed to ``message.channels``.
        """
        chat = self.channel(channel or f"@{user}")
        chat.members.setdefault(user, self.user(user))
        named = mention and not chat.direct
        sent = Message(id=self.number(), author=user, channel=chat.id)
        sent.fallback = f"<@{self.app.user}> {typed(text)}" if named else typed(text)
        if thread is not None:
            sent.thread = thread.thread or thread.ts
        chat.posted.append(sent)
        self.changed()
        for event in self.events(sent, mention=named):
            await self.deliver("events_api", event)
        return sent

    def events(self, sent: Message, *, mention: bool = True) -> list[dict[str, Any]]:
        """Return the events of a message, each with a new id."""
        chat = self.channel(sent.channel)
        kinds = ["app_mention"] if mention and not chat.direct else []
        if self._subscribed(chat):
            kinds.append("message")
        return [self.payloads.message(chat, sent, kind) for kind in kinds]

    def _subscribed(self, chat: Conversation) -> bool:
        return ("message.im" if chat.direct else "message.channels") in self.subscriptions

    async def slash(self, text: str, *, user: str = "alice", channel: str = "") -> Delivered:
        """Let a person type the slash command; an answer at once is shown to them."""
        chat = self.channel(channel or f"@{user}")
        person = chat.members.setdefault(user, self.user(user))
        form = self.payloads.slash(chat, person, text)
        delivered = await self.deliver("slash_commands", form)
        if answer := answer_of(delivered):
            ticket = self.tickets.use(form["response_url"].rpartition("/")[2], "", "", "")
            assert not isinstance(ticket, str)
            self.api.respond(ticket, answer)
            self.changed()
        return delivered

    async def clicks(
        self,
        shown: Message,
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
        values = filled(shown.blocks, inputs or {}, complete=False)
        pressed = self.payloads.pressed(chat, shown, person, button(shown, action), values)
        return await self.deliver("interactive", pressed)

    async def submits(self, dialog: Dialog, values: Mapping[str, str]) -> Delivered:
        """Let the person submit a dialog; raises ValueError if something is missing in it."""
        state = filled(dialog.view["blocks"], values, complete=True)
        delivered = await self.deliver("interactive", self.payloads.submitted(dialog, state))
        if delivered.taken:
            dialog.open = False
            self.changed()
        return delivered

    # --- the page ---

    def places(self, user: str) -> Mapping[str, str]:
        for name in CHANNELS:
            for person in PEOPLE:
                self.channel(name).members.setdefault(person, self.user(person))
        channels = {name: f"#{name}" for name in CHANNELS}
        return {**channels, f"@{user}": "a direct message with SmartOps"}

    def invitation(self, place: str) -> str:
        to = "Message SmartOps" if place.startswith("@") else "Mention SmartOps"
        return f"{to}, or type {self.app.command} and a command"

    def names(self) -> Mapping[str, str]:
        people = {person.id: person.name for person in self.users.values()}
        return {**people, self.app.user: "SmartOps"}

    def drawn(self, place: str, user: str) -> list[dict[str, Any]]:
        dialogs = [item for item in self.dialogs if item.user.name == user]
        return [*super().drawn(place, user), *map(asdict, dialogs)]

    async def page_says(self, place: str, user: str, text: str, thread: str) -> str:
        """Say it: a slash command, or words to the app."""
        command, _, rest = text.partition(" ")
        if command == self.app.command:
            return _trouble(await self.slash(rest, user=user, channel=place))
        begun = self.channel(place).find(thread)
        sent = self.says(text, user=user, channel=place, thread=begun)
        self.later(sent)  # an event that is not taken is sent again, for minutes
        return ""

    async def page_presses(
        self, place: str, user: str, message: str, what: str, fields: dict[str, str]
    ) -> str:
        dialog = next((item for item in self.dialogs if item.id == message), None)
        if dialog is not None and what == "close":
            dialog.open = False
            self.changed()
            return ""
        if dialog is not None:
            return _trouble(await self.submits(dialog, fields))
        shown = self.channel(place).find(message)
        if shown is None:
            raise LookupError("That message is not there any more.")
        return _trouble(await self.clicks(shown, what, user=user, inputs=fields))

    # --- what Slack sends ---

    def notify(self, chat: Conversation, shown: Message) -> None:
        """Send the app its own message, where it is subscribed to messages."""
        if self._subscribed(chat) and (self.bot or self.sockets.open):
            self.later(self.deliver("events_api", self.payloads.own(chat, shown)))

    async def deliver(self, kind: str, payload: Mapping[str, Any]) -> Delivered:
        """Send what happened to SmartOps; an event that it does not take is sent again."""
        delivered = await self._once(kind, payload)
        for number, pause in enumerate(AGAIN_AFTER if kind == "events_api" else (), 1):
            if delivered.taken or not delivered.retry:
                break
            if pause:
                await self.clock.sleep(pause)
            delivered = await self._once(kind, payload, number, delivered.failure)
        return delivered

    async def _once(
        self, kind: str, payload: Mapping[str, Any], retry: int = 0, why: str = ""
    ) -> Delivered:
        if self.sockets.open:
            return await self.sockets.deliver(kind, payload, retry, why)
        if kind == "events_api":
            body, content_type = json.dumps(payload).encode(), JSON
        else:
            fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(fields).encode(), FORM
        headers = {**self.signed(body), "Content-Type": content_type}
        headers["User-Agent"] = "Slackbot 1.0 (+https://api.slack.com/robots)"
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": why}
        delivered = await self.post(body, headers)
        if delivered.status >= 500:
            self.breaches.append(f"the app answered {delivered.status}")
        return delivered

    def report(self, answer: Delivered) -> None:
        super().report(answer)
        if not self.bot:
            self.trouble = "SmartOps has not connected by Socket Mode. Is it running?"

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """Return the headers that authenticate a body, at a time if not now."""
        moment = str(int(self.clock.time() if at is None else at))
        text = b"v0:" + moment.encode() + b":" + body
        digest = hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}


def answer_of(delivered: Delivered) -> dict[str, Any]:
    """Return the answer to a command or a dialog; a bare text is a message for the person alone."""
    if not delivered.taken or not delivered.body:
        return {}
    if not delivered.body.startswith(b"{"):
        return {"text": delivered.body.decode()}
    found: dict[str, Any] = json.loads(delivered.body)
    return found


def _trouble(delivered: Delivered) -> str:
    if delivered.taken:
        return ""
    what = f"answered {delivered.status}" if delivered.status else "did not answer in time"
    return f"SmartOps {what}."
