"""The whole simulated Slack, and what people do in it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from smartops import Clock
from smartops_simulators.page import PageView
from smartops_simulators.platform import BOT, Delivered, Fault, Platform
from smartops_simulators.printed import configuration

from .acts import Acts, App, button, filled, typed
from .sockets import Sockets
from .tickets import Tickets
from .webapi import WebApi
from .world import Conversation, Dialog, File, Shown, User, World

TEAM = "T0SIMULATED"
BOT_TOKEN = "xoxb-simulated"  # noqa: S105
APP_TOKEN = "xapp-simulated"  # noqa: S105
SECRET = "simulated-signing-secret"  # noqa: S105
AGAIN_AFTER = (0.0, 60.0, 300.0)
"""After how many seconds an event that was not taken is sent again."""

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class SlackSimulator(Platform):
    """A Slack with one workspace and one app; people and conversations are created by name.

    ``bot`` must be set to the URL of SmartOps, unless it connects by Socket Mode.
    ``subscriptions`` are the events that the app gets: add ``message.channels`` for everything
    that is said in channels.
    """

    title = "Slack"
    patience = 3.0

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
        self.world = World(team, clock)
        self.tickets = Tickets(clock)
        self.acts = Acts(self)
        self.sockets = Sockets(self)
        self.api = WebApi(self)

    def routes(self, app: web.Application) -> None:
        """Serve what SmartOps calls."""
        self.api.routes(app)
        self.sockets.routes(app)

    def view(self) -> PageView:
        """Return what the page in the browser shows."""
        from .draw import SlackView

        return SlackView(self)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.sockets.aclose()
        await super().aclose()

    def refused(self, fault: Fault, request: web.Request) -> web.Response:
        """Return the answer of a fault."""
        if fault.retry_after is not None:
            return self.api.limited(request.match_info.get("method", ""), fault.retry_after)
        if fault.status:
            return web.Response(status=fault.status, text="the test wants this")
        return web.json_response({"ok": False, "error": fault.error})

    def settings(self, *, socket_mode: bool = False, **more: Any) -> dict[str, Any]:
        """Return the section ``plugins: slack:``, its secrets as plain text."""
        proof = {"app_token": self.app_token} if socket_mode else {"signing_secret": self.secret}
        return {
            "bot_token": self.bot_token,
            **proof,
            "workspaces": [self.app.team],
            "api_url": f"{self.url}/api/",
            **more,
        }

    def printed(self) -> Iterator[str]:
        """Return the lines of a configuration for this simulator."""
        variables = {"bot_token": "SLACK_BOT_TOKEN", "signing_secret": "SLACK_SIGNING_SECRET"}
        return configuration(self, "slack", self.settings(), variables)

    @property
    def ephemeral(self) -> list[Shown]:
        """What single people were shown, in all conversations, in order."""
        found = [item for chat in self.world.conversations.values() for item in chat.ephemeral]
        return sorted(found, key=lambda item: item.ts)

    @property
    def dialogs(self) -> list[Dialog]:
        """The dialogs that are open."""
        return [dialog for dialog in self.api.dialogs if dialog.open]

    def user(self, name: str) -> User:
        """Return a person."""
        return self.world.user(name)

    def channel(self, name: str) -> Conversation:
        """Return a conversation by id or name: ``ops``, or ``@alice`` for a direct message."""
        return self.world.conversation(name)

    def attached(self, name: str = "") -> list[File]:
        """Return the files that were shared, anywhere; those of a name, if one is given."""
        found = (file for file in self.api.files.values() if file.channel)
        return [file for file in found if name in ("", file.name)]

    async def says(
        self,
        text: str,
        *,
        user: str = "alice",
        channel: str = "",
        thread: Shown | None = None,
        mention: bool = True,
    ) -> Shown:
        """Let a person say something, and return it once SmartOps has taken it.

        Without ``channel`` it is a direct message. In channels the app is mentioned; without it
        gets no event, unless it is subscribed to ``message.channels``.
        """
        chat = self.channel(channel or f"@{user}")
        chat.members.setdefault(user, self.user(user))
        named = mention and not chat.direct
        said = Shown(self.world.ts(), chat.id, user)
        said.fallback = f"<@{self.app.user}> {typed(text)}" if named else typed(text)
        if thread is not None:
            said.thread = thread.thread or thread.ts
        chat.shown.append(said)
        self.changed()
        for event in self.told(said, mention=named):
            await self.deliver("events_api", event)
        return said

    def told(self, said: Shown, *, mention: bool = True) -> list[dict[str, Any]]:
        """Return the events of a message, each with a new id."""
        chat = self.channel(said.channel)
        kinds = ["app_mention"] if mention and not chat.direct else []
        if ("message.im" if chat.direct else "message.channels") in self.subscriptions:
            kinds.append("message")
        return [self.acts.message(chat, said, kind) for kind in kinds]

    async def edits(self, said: Shown, text: str) -> Delivered:
        """Let a person change what they said."""
        before, said.fallback = said.fallback, typed(text)
        said.edits += 1
        event = self.acts.edited(self.channel(said.channel), said, before, self.world.ts())
        return await self.deliver("events_api", event)

    async def slash(self, text: str, *, user: str = "alice", channel: str = "") -> Delivered:
        """Let a person type the slash command; an answer at once is shown to them."""
        chat = self.channel(channel or f"@{user}")
        person = chat.members.setdefault(user, self.user(user))
        form = self.acts.slash(chat, person, text)
        delivered = await self.deliver("slash_commands", form)
        if answer := answer_of(delivered):
            ticket = self.tickets.use(form["response_url"].rpartition("/")[2], "", "", "")
            assert not isinstance(ticket, str)
            self.api.respond(ticket, answer)
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
        values = filled(shown.blocks, inputs or {})
        pressed = self.acts.pressed(chat, shown, person, button(shown, action), values)
        return await self.deliver("interactive", pressed)

    async def submits(self, dialog: Dialog, values: Mapping[str, str]) -> Delivered:
        """Let the person submit a dialog; raises ValueError if something is missing in it."""
        state = filled(dialog.view["blocks"], values)
        delivered = await self.deliver("interactive", self.acts.submitted(dialog, state))
        if delivered.taken:
            self._answered(dialog, answer_of(delivered))
        return delivered

    def _answered(self, dialog: Dialog, answer: Mapping[str, Any]) -> None:
        match answer.get("response_action", ""):
            case "errors":
                dialog.errors = dict(answer["errors"])
            case "update":
                dialog.view = answer["view"]
            case _:
                dialog.open = False
        self.changed()

    async def shown(self, channel: str, *, count: int = 1) -> Shown:
        """Return the last message of SmartOps there, waiting until there are ``count``."""
        chat = self.channel(channel)
        await self.until(lambda: len(chat.answers) >= count)
        return chat.answers[-1]

    def posted(self, chat: Conversation, shown: Shown) -> None:
        """Send the app its own message, where it is subscribed to messages."""
        kind = "message.im" if chat.direct else "message.channels"
        if shown.author == BOT and kind in self.subscriptions and (self.bot or self.sockets.open):
            self.later(self.deliver("events_api", self.acts.own(chat, shown)))

    async def deliver(self, kind: str, payload: Mapping[str, Any]) -> Delivered:
        """Send what happened to SmartOps; an event that it does not take is sent again."""
        delivered = await self._once(kind, payload)
        for number, pause in enumerate(AGAIN_AFTER if kind == "events_api" else (), 1):
            if delivered.taken or not (delivered.retry and self.resends):
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
        """Say why the last message was not taken."""
        super().report(answer)
        if not self.bot:
            self.trouble = "SmartOps has not connected by Socket Mode. Is it running?"

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """Return the headers that prove a body, at a time if not now."""
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
