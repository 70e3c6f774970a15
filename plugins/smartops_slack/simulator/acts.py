"""What people do, as Slack tells the app of it: with the members that Slack sends."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .tickets import Tickets
from .world import Conversation, Dialog, Shown, User, World, made_id, walk

_LINK = re.compile(
    r"(?P<url>https?://[^\s<>|]+)|(?P<host>\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org)\b)"
)


@dataclass(frozen=True, slots=True)
class App:
    """The app as Slack knows it."""

    team: str
    id: str
    user: str
    bot_id: str
    command: str = "/smartops"


@dataclass(slots=True)
class Acts:
    """Makes payloads. ``url`` is where response URLs are."""

    world: World
    app: App
    tickets: Tickets
    url: str = ""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def event(self, **inner: Any) -> dict[str, Any]:
        """Return an event of the Events API, with an id of its own."""
        number = next(self._numbers)
        return {
            "token": "no-proof-of-anything",
            "team_id": self.app.team,
            "context_team_id": self.app.team,
            "context_enterprise_id": None,
            "api_app_id": self.app.id,
            "event": inner,
            "type": "event_callback",
            "event_id": made_id("Ev", str(number)),
            "event_time": int(float(inner.get("event_ts", "0"))),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": self.app.team,
                    "user_id": self.app.user,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{made_id('E', str(number))}",
        }

    def message(self, chat: Conversation, said: Shown, kind: str, **more: Any) -> dict[str, Any]:
        """Return the event of a message: kind ``message`` or ``app_mention``."""
        author = self.world.user(said.author)
        inner = {
            "user": author.id,
            "type": kind,
            "ts": said.ts,
            "client_msg_id": f"client-{said.ts}",
            "text": said.fallback,
            "team": self.app.team,
            "channel": chat.id,
            "event_ts": said.ts,
            **({"thread_ts": said.thread} if said.thread else {}),
            **({"channel_type": _type(chat)} if kind == "message" else {}),
        }
        return self.event(**{**inner, **more})

    def edited(self, chat: Conversation, now: Shown, before: str, ts: str) -> dict[str, Any]:
        """Return the event of an edit."""
        author = self.world.user(now.author)
        common = {"type": "message", "user": author.id, "team": self.app.team, "ts": now.ts}
        return self.event(
            type="message",
            subtype="message_changed",
            message={
                **common,
                "text": now.fallback,
                "edited": {"user": author.id, "ts": ts},
            },
            previous_message={**common, "text": before},
            channel=chat.id,
            hidden=True,
            ts=ts,
            event_ts=ts,
            channel_type=_type(chat),
        )

    def own(self, chat: Conversation, shown: Shown) -> dict[str, Any]:
        """Return the event of what the app itself has said."""
        return self.event(
            **shown.payload(),
            user=self.app.user,
            bot_id=self.app.bot_id,
            app_id=self.app.id,
            team=self.app.team,
            bot_profile={"id": self.app.bot_id, "app_id": self.app.id, "name": "smartops"},
            channel=chat.id,
            event_ts=shown.ts,
            channel_type=_type(chat),
        )

    def slash(self, chat: Conversation, user: User, text: str) -> dict[str, str]:
        """Return the form of a slash command."""
        return {
            "token": "no-proof-of-anything",
            "team_id": self.app.team,
            "team_domain": "simulated",
            "channel_id": chat.id,
            "channel_name": "directmessage" if chat.direct else chat.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": self.app.command,
            "text": escaped(text),
            "api_app_id": self.app.id,
            "is_enterprise_install": "false",
            "response_url": self._response(chat, user),
            "trigger_id": self.tickets.trigger(user),
        }

    def pressed(
        self,
        chat: Conversation,
        shown: Shown,
        user: User,
        button: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what is sent when a button in a message is pressed."""
        ephemeral = bool(shown.to)
        container = {
            "type": "message",
            "message_ts": shown.ts,
            "channel_id": chat.id,
            "is_ephemeral": ephemeral,
            **({"thread_ts": shown.thread} if shown.thread else {}),
        }
        now = self.world.ts()
        action = {name: button[name] for name in ("action_id", "text", "value") if name in button}
        block = button.get("block_id") or made_id("b", button["action_id"])
        made = {
            **self._common("block_actions", user),
            "container": container,
            "trigger_id": self.tickets.trigger(user),
            "channel": {"id": chat.id, "name": "directmessage" if chat.direct else chat.name},
            "state": {"values": values},
            "response_url": self._response(chat, user, shown.ts),
            "actions": [{**action, "block_id": block, "type": "button", "action_ts": now}],
        }
        if not ephemeral:
            own = {"user": self.app.user, "bot_id": self.app.bot_id, "app_id": self.app.id}
            made["message"] = {**own, **shown.payload(), "team": self.app.team}
        return made

    def submitted(self, dialog: Dialog, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is sent when a dialog is submitted."""
        view = {
            **dialog.view,
            "id": dialog.id,
            "team_id": self.app.team,
            "app_id": self.app.id,
            "bot_id": self.app.bot_id,
            "root_view_id": dialog.id,
            "previous_view_id": None,
            "hash": f"{self.world.ts()}.hash",
            "state": {"values": values},
        }
        return {
            **self._common("view_submission", dialog.user),
            "trigger_id": self.tickets.trigger(dialog.user),
            "view": view,
            "response_urls": [],
        }

    def _common(self, kind: str, user: User) -> dict[str, Any]:
        return {
            "type": kind,
            "user": {
                "id": user.id,
                "username": user.name,
                "name": user.name,
                "team_id": self.app.team,
            },
            "api_app_id": self.app.id,
            "token": "no-proof-of-anything",
            "team": {"id": self.app.team, "domain": "simulated"},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _response(self, chat: Conversation, user: User, ts: str = "") -> str:
        return f"{self.url}/respond/{self.tickets.response(chat.id, user, ts)}"


def typed(text: str) -> str:
    """Return what somebody typed as Slack passes it on: escaped, and links marked as such."""
    return _LINK.sub(_linked, escaped(text))


def escaped(text: str) -> str:
    """Return a text with Slack's three escapes."""
    return html.escape(text, quote=False)


def button(shown: Shown, what: str) -> dict[str, Any]:
    """Return the button with this label, or whose ``action_id`` has this word; LookupError."""
    for block in shown.blocks:
        for found in block.get("elements", ()) if block["type"] == "actions" else ():
            if found.get("type") != "button":
                continue
            words = (found["text"]["text"], found["action_id"], *found["action_id"].split("."))
            if what in words:
                place = {"block_id": block["block_id"]} if "block_id" in block else {}
                return {**found, **place}
    raise LookupError(f"there is no button {what} among {shown.buttons}")


def filled(blocks: Iterable[dict[str, Any]], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the state of inputs; raises ValueError as a client would complain.

    ``inputs`` are by ``block_id``, or by the last word of it.
    """
    values: dict[str, Any] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        name, element = block["block_id"], block["element"]
        value = inputs.get(name, inputs.get(name.rpartition(".")[2], ""))
        if not value:
            value = element.get("initial_value") or _chosen(element.get("initial_option"))
        if not value and not block.get("optional"):
            raise ValueError(f"{block['label']['text']} is needed")
        values[name] = {element["action_id"]: _state(name, element, value)}
    return values


def _state(name: str, element: Mapping[str, Any], value: str) -> dict[str, Any]:
    kind = element["type"]
    if "options" not in element:
        return {"type": kind, "value": value or None}
    chosen = next((item for item in walk(element["options"]) if item.get("value") == value), None)
    if value and chosen is None:
        raise ValueError(f"{value} is not among the choices of {name}")
    return {"type": kind, "selected_option": chosen}


def _chosen(option: Mapping[str, Any] | None) -> str:
    return str(option["value"]) if option else ""


def _linked(found: re.Match[str]) -> str:
    return f"<{found['url']}>" if found["url"] else f"<http://{found['host']}|{found['host']}>"


def _type(chat: Conversation) -> str:
    return "im" if chat.direct else "channel"
