"""What Slack sends when people write, press a button or submit a dialog."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smartops_simulators.chat import User, value_of

from .model import JSON, Conversation, Dialog, Message, made_id

if TYPE_CHECKING:
    from .service import SlackSimulator

_LINK = re.compile(
    r"(?P<url>https?://[^\s<>|]+)|(?P<host>\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org)\b)"
)
_TOKEN = {"token": "no-proof-of-anything"}


@dataclass(frozen=True, slots=True)
class App:
    team: str
    id: str
    user: str
    bot_id: str
    command: str = "/smartops"


class Payloads:
    def __init__(self, slack: SlackSimulator) -> None:
        self._slack = slack
        self._app = slack.app
        self._numbers = itertools.count(1)
        self._bot = {"bot_id": self._app.bot_id, "app_id": self._app.id, "team": self._app.team}

    def event(self, **inner: Any) -> JSON:
        """Return an event of the Events API, with an id of its own."""
        team = self._app.team
        installed = {"team_id": team, "user_id": self._app.user, "enterprise_id": None}
        return {
            **_TOKEN,
            "team_id": team,
            "api_app_id": self._app.id,
            "event": inner,
            "type": "event_callback",
            "event_id": made_id("Ev", str(next(self._numbers))),
            "event_time": int(float(inner.get("event_ts", "0"))),
            "authorizations": [{**installed, "is_bot": True, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
        }

    def message(self, chat: Conversation, sent: Message, kind: str, **more: Any) -> JSON:
        """Return the event of a message: kind ``message`` or ``app_mention``."""
        inner = {
            "user": self._slack.user(sent.author).id,
            "type": kind,
            "ts": sent.ts,
            "text": sent.fallback,
            "team": self._app.team,
            "channel": chat.id,
            "event_ts": sent.ts,
            **_thread(sent),
            **({"channel_type": _type(chat)} if kind == "message" else {}),
        }
        return self.event(**{**inner, **more})

    def edited(self, chat: Conversation, now: Message, before: str, ts: str) -> JSON:
        user = self._slack.user(now.author).id
        common = {"type": "message", "user": user, "team": self._app.team, "ts": now.ts}
        return self.event(
            type="message",
            subtype="message_changed",
            message={**common, "text": now.fallback, "edited": {"user": user, "ts": ts}},
            previous_message={**common, "text": before},
            channel=chat.id,
            hidden=True,
            ts=ts,
            event_ts=ts,
            channel_type=_type(chat),
        )

    def own(self, chat: Conversation, shown: Message) -> JSON:
        profile = {"id": self._app.bot_id, "app_id": self._app.id, "name": "smartops"}
        return self.event(
            **shown.payload(),
            **self._bot,
            user=self._app.user,
            bot_profile=profile,
            channel=chat.id,
            event_ts=shown.ts,
            channel_type=_type(chat),
        )

    def slash(self, chat: Conversation, user: User, text: str) -> dict[str, str]:
        return {
            **_TOKEN,
            "team_id": self._app.team,
            "channel_id": chat.id,
            "user_id": user.id,
            "user_name": user.name,
            "command": self._app.command,
            "text": escaped(text),
            "api_app_id": self._app.id,
            "is_enterprise_install": "false",
            "response_url": self._response(chat, user),
            "trigger_id": self._slack.tickets.trigger(user),
        }

    def pressed(
        self,
        chat: Conversation,
        shown: Message,
        user: User,
        button: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> JSON:
        where = {"message_ts": shown.ts, "channel_id": chat.id, "is_ephemeral": bool(shown.to)}
        action = {name: button[name] for name in ("action_id", "text", "value") if name in button}
        block = button.get("block_id") or made_id("b", button.get("action_id", ""))
        more = {"block_id": block, "type": "button", "action_ts": self._slack.number()}
        made = {
            **self._interaction("block_actions", user),
            "container": {"type": "message", **where, **_thread(shown)},
            "channel": {"id": chat.id},
            "state": {"values": values},
            "response_url": self._response(chat, user, shown.ts),
            "actions": [{**action, **more}],
        }
        if not shown.to:
            made["message"] = {"user": self._app.user, **self._bot, **shown.payload()}
        return made

    def submitted(self, dialog: Dialog, values: Mapping[str, Any]) -> JSON:
        own = {"id": dialog.id, "team_id": self._app.team, "app_id": self._app.id}
        view = {**dialog.view, **own, "root_view_id": dialog.id, "state": {"values": values}}
        interaction = self._interaction("view_submission", dialog.user)
        return {**interaction, "view": view, "response_urls": []}

    def _interaction(self, kind: str, user: User) -> JSON:
        team = self._app.team
        return {
            **_TOKEN,
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team},
            "api_app_id": self._app.id,
            "team": {"id": team, "domain": "simulated"},
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self._slack.tickets.trigger(user),
        }

    def _response(self, chat: Conversation, user: User, ts: str = "") -> str:
        return f"{self._slack.url}/respond/{self._slack.tickets.response(chat.id, user, ts)}"


def typed(text: str) -> str:
    """Return typed text as Slack passes it on: escaped, and links marked as such."""
    return _LINK.sub(_linked, escaped(text))


def _linked(found: re.Match[str]) -> str:
    return f"<{found['url']}>" if found["url"] else f"<http://{found['host']}|{found['host']}>"


def escaped(text: str) -> str:
    return html.escape(text, quote=False)


def button(shown: Message, what: str) -> dict[str, Any]:
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


def filled(
    blocks: Iterable[dict[str, Any]], inputs: Mapping[str, str], *, complete: bool
) -> dict[str, Any]:
    """Return the state of inputs; ``inputs`` are by ``block_id``, or by its last word.

    Raises ValueError as a client would complain. Clients require that dialogs are
    ``complete``, but not the inputs of messages.
    """
    return {
        block["block_id"]: {block["element"]["action_id"]: _state(block, inputs, complete)}
        for block in blocks
        if block["type"] == "input"
    }


def _state(block: Mapping[str, Any], inputs: Mapping[str, str], complete: bool) -> dict[str, Any]:
    element = block["element"]
    options = {item["value"]: item for item in element.get("options", ())}
    initial = element.get("initial_value") or element.get("initial_option", {}).get("value", "")
    needed = complete and not block.get("optional")
    required = f"{block['label']['text']} is needed" if needed else ""
    value = value_of(block["block_id"], inputs, initial, options, required)
    if "options" in element:
        return {"type": element["type"], "selected_option": options.get(value)}
    return {"type": element["type"], "value": value or None}


def _type(chat: Conversation) -> str:
    return "im" if chat.direct else "channel"


def _thread(shown: Message) -> dict[str, str]:
    return {"thread_ts": shown.thread} if shown.thread else {}
