"""The simulated Slack with fixed ids: what people send and SmartOps posts, as payloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import anyio

from smartops import Clock
from smartops.channels import Headers, Inbound
from smartops_simulators.chat import BOT as AUTHOR
from smartops_simulators.slack import Dialog, Message, SlackSimulator
from smartops_simulators.slack.limits import faults_of_message, faults_of_view
from smartops_simulators.slack.model import words
from smartops_simulators.slack.service import APP_TOKEN, BOT_TOKEN, SECRET

__all__ = ["APP_TOKEN", "BOT_TOKEN", "SECRET"]

TEAM = "T1234567890"
TS = "1700000000.000100"
TRIGGER = "13345224609.738474920.8088930838d88f008e0"


class Slack(SlackSimulator):
    """The simulator, whose messages are read as payloads."""

    def __init__(self, clock: Clock, **settings: Any) -> None:
        super().__init__(clock, team=TEAM, **settings)
        self.channel("ops").members["alice"] = self.user("alice")
        self.channel("@alice")

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    async def until(self, wanted: Callable[[], Any], *, seconds: float = 10.0) -> None:
        """Wait until a condition holds, also one that does not depend on the simulator."""
        with anyio.fail_after(seconds):
            while not wanted():
                await anyio.sleep(0.002)

    def response_url(self, id: str = "") -> str:
        return f"{self.url}/respond/{id or self.tickets.response(CHANNEL, self.user('alice'))}"

    @property
    def messages(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What SmartOps has posted publicly, by channel and ``ts``."""
        chats = self.conversations.values()
        shown = (item for chat in chats for item in chat.answers if not item.files)
        return {(it.channel, it.ts): {**it.payload(), "channel": it.channel} for it in shown}

    @property
    def private_messages(self) -> list[dict[str, Any]]:
        """Ephemeral messages of SmartOps."""
        return [
            {**call.arguments, "ts": call.answer["message_ts"], "ephemeral": True}
            for call in self.called("chat.postEphemeral")
            if not call.error
        ]

    @property
    def responses(self) -> list[Mapping[str, Any]]:
        return self.api.responses

    def message(self, ts: str = "", channel: str = "") -> dict[str, Any]:
        """Return a message of SmartOps: the newest, unless ``ts`` is given."""
        found = [it for (place, _), it in self.messages.items() if place == (channel or CHANNEL)]
        return next(item for item in found if item["ts"] == ts) if ts else found[-1]

    def live(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a payload whose message, response URL and trigger exist here."""
        if "event" in payload:
            self._add_message(payload["event"])
        if payload.get("response_url", self.url).startswith(self.url):
            return payload
        channel = payload.get("channel_id") or payload["channel"]["id"]
        alice, ts = self.user("alice"), payload.get("container", {}).get("message_ts", "")
        url = self.response_url(self.tickets.response(channel, alice, ts))
        return {**payload, "response_url": url, "trigger_id": self.tickets.trigger(alice)}

    def _add_message(self, inner: Mapping[str, Any]) -> None:
        chat = self.channel(inner["channel"])
        for ts in (inner.get("thread_ts", ""), inner["ts"]):
            if ts and chat.find(ts) is None:
                chat.posted.append(
                    Message(id=ts, channel=chat.id, author="alice", fallback=inner["text"])
                )


_SLACK = Slack(Clock())
_SLACK.url = "https://hooks.slack.com"
_ALICE = _SLACK.user("alice")
ALICE, BOT = _ALICE.id, _SLACK.app.user
CHANNEL, DIRECT = _SLACK.channel("ops").id, _SLACK.channel("@alice").id


def event(**changes: Any) -> dict[str, Any]:
    """Return what is sent when the bot is mentioned in a channel; None leaves a member out."""
    message = Message(id=TS, channel=CHANNEL, author="alice")
    message.fallback = f"<@{BOT}> list instances"
    made = _SLACK.payloads.message(_SLACK.channel("ops"), message, "app_mention")
    inner = {"event_ts": changes.get("ts", TS), **made["event"], **changes}
    return {**made, "event": {name: item for name, item in inner.items() if item is not None}}


def mention(text: str, **changes: Any) -> dict[str, Any]:
    return event(text=f"<@{BOT}> {text}", **changes)


def direct(text: str, **changes: Any) -> dict[str, Any]:
    usual = {"type": "message", "channel": DIRECT, "channel_type": "im", "text": text}
    return event(**{**usual, **changes})


def slash(text: str, **changes: str) -> dict[str, str]:
    made = _SLACK.payloads.slash(_SLACK.channel("ops"), _ALICE, "")
    return {**made, "text": text, "trigger_id": TRIGGER, **changes}


def pressed(
    button: Mapping[str, Any], message: Mapping[str, Any], **changes: Any
) -> dict[str, Any]:
    """Return what is sent when a button in a message is pressed."""
    shown = Message(id=message["ts"], channel=message["channel"], author=AUTHOR)
    shown.thread = message.get("thread_ts", "")
    shown.blocks, shown.fallback = message.get("blocks", []), message.get("text", "")
    shown.to = "alice" if message.get("ephemeral") else ""
    chat = _SLACK.channel(message["channel"])
    made = _SLACK.payloads.pressed(chat, shown, _ALICE, button, {})
    if "message" in made and not shown.blocks:
        made["message"]["blocks"] = []
    return {**made, **changes}


def submitted(view: Mapping[str, Any], values: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what is sent when the form in a dialog is submitted."""
    return {**_SLACK.payloads.submitted(Dialog("V1", dict(view), _ALICE), values), **changes}


def buttons(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        element
        for block in message.get("blocks", ())
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def texts(blocks: list[dict[str, Any]]) -> str:
    return words(blocks)


class Signer:
    """Signs requests as the simulator does."""

    def __init__(self, clock: Clock, secret: str = SECRET) -> None:
        self._slack = SlackSimulator(clock, secret=secret)

    def signature(self, body: bytes, at: str) -> str:
        return self._slack.signed(body, float(at))["X-Slack-Signature"]

    def sign(self, body: bytes, **headers: str) -> Inbound:
        """Return a signed request; ``headers`` (with _ for -) replace the usual ones."""
        usual = {name.lower(): value for name, value in self._slack.signed(body).items()}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [(key.encode(), item.encode("latin-1")) for key, item in {**usual, **given}.items()]
        return Inbound("POST", "/api/messages", Headers(pairs), body, "request-1", "127.0.0.1")

    def event(self, payload: Mapping[str, Any]) -> Inbound:
        return self.sign(json.dumps(payload).encode(), content_type="application/json")

    def form(self, fields: Mapping[str, str]) -> Inbound:
        kind = "application/x-www-form-urlencoded"
        return self.sign(urlencode(fields).encode(), content_type=kind)

    def interaction(self, payload: Mapping[str, Any]) -> Inbound:
        return self.form({"payload": json.dumps(payload)})


def check_message(message: Mapping[str, Any]) -> None:
    """Raise if Slack would refuse it, or its text for notifications is no summary."""
    assert faults_of_message(message) == []
    assert message["blocks"]
    assert 0 < len(message["text"]) <= 4000


def check_view(view: Mapping[str, Any]) -> None:
    assert faults_of_view(view) == []
