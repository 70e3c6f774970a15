"""The simulated Slack as the contract of channels drives it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from smartops.testing.channels import (
    ChannelDriver,
    Handshake,
    Press,
    ShownMessage,
    WireRequest,
    WireResponse,
)
from smartops_simulators.chat import walk
from smartops_simulators.slack import Message, SlackSimulator
from smartops_simulators.slack.payloads import button, typed

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
CALLS = ("user", "usergroup", "broadcast", "channel")


class SlackDriver(ChannelDriver):
    provider = "slack"

    def __init__(self, slack: SlackSimulator) -> None:
        self.slack = slack
        self.room = slack.channel("ops")
        for name in ("alice", "mallory"):
            self.room.members[name] = slack.user(name)

    def says(self, text: str, *, user: str = "alice", thread: str = "") -> WireRequest:
        words = f"<@{self.slack.app.user}> {typed(text)}"
        sent = self._message(user, words, thread)
        self.room.posted.append(sent)
        event = self.slack.payloads.message(self.room, sent, "app_mention")
        return self._signed(event, thread=thread or sent.ts)

    def presses(self, seen: ShownMessage, what: Press, *, user: str = "alice") -> WireRequest:
        shown = seen.platform
        pressed = self.slack.payloads.pressed(
            self.room, shown, self.slack.user(user), button(shown, what), {}
        )
        return self._form({"payload": json.dumps(pressed)}, thread=seen.thread)

    def forge(self, wire: WireRequest) -> Mapping[str, WireRequest]:
        now = self.slack.clock.time()
        signature, timestamp = "x-slack-signature", "x-slack-request-timestamp"
        stale = self._sign(wire.body, now - 301)
        future = self._sign(wire.body, now + 301)
        old = str(int(now) - 60)
        return {
            "no signature": _with(wire, {signature: ""}),
            "no timestamp": _with(wire, {timestamp: ""}),
            "another body": replace(wire, body=wire.body.replace(b"forged", b"altered")),
            "another secret": _with(wire, {signature: f"v0={'0' * 64}"}),
            "another version": _with(
                wire, {signature: wire.headers[signature].replace("v0", "v1")}
            ),
            "another moment": _with(wire, {timestamp: old}),
            "upper case": _with(wire, {signature: wire.headers[signature].upper()}),
            "stale": _with(wire, stale),
            "from the future": _with(wire, future),
            "no number": _with(wire, {timestamp: "now"}),
            "not ASCII": _with(wire, {signature: "v0=\u00e9"}),
        }

    def handshakes(self) -> Sequence[Handshake]:
        body = {"type": "url_verification", "token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV"}
        return [Handshake(self._signed(body), b"3eZbrw1aBm2rZgRNFdxV")]

    def bot_messages(self, text: str) -> Sequence[WireRequest]:
        mention = f"<@{self.slack.app.user}> {text}"
        shown = self._message("bot", mention)
        ts = shown.ts
        own = self.slack.payloads.own(self.room, shown)
        stranger = {"user": "U0OTHERBOT", "bot_id": "B0OTHERBOT", "text": mention, "ts": ts}
        inner = {"type": "app_mention", "channel": self.room.id, "event_ts": ts}
        bare = {**inner, "user": self.slack.app.user, "text": mention, "ts": ts}
        others = (
            self.slack.payloads.event(**{**inner, **stranger}),
            self.slack.payloads.event(**bare),
        )
        return [self._signed(event) for event in (own, *others)]

    def edits(self, text: str) -> Sequence[WireRequest]:
        now = self._message("alice", f"<@{self.slack.app.user}> {text}")
        changed = self.slack.payloads.edited(self.room, now, "before", self.slack.number())
        mention = self.slack.payloads.message(
            self.room, now, "app_mention", edited={"user": "U1", "ts": now.ts}
        )
        return [self._signed(changed), self._signed(mention)]

    def seen(self) -> Sequence[ShownMessage]:
        chats = self.slack.conversations.values()
        shown = [item for chat in chats for item in chat.posted if not item.deleted]
        return [_seen(item) for item in shown if item.author == "bot"]

    def rejected(self) -> Sequence[str]:
        return tuple(f"{call.method}: {call.error}" for call in self.slack.rejected)

    def record_response(self, wire: WireRequest, answered: WireResponse) -> None:
        assert answered.status >= 300 or b"challenge" in wire.body or not answered.body

    def _message(self, author: str, text: str, thread: str = "") -> Message:
        message = Message(id=self.slack.number(), channel=self.room.id, author=author)
        message.fallback, message.thread = text, thread
        return message

    def _signed(self, payload: Mapping[str, Any], thread: str = "") -> WireRequest:
        body = json.dumps(payload).encode()
        return WireRequest(body, {"content-type": JSON, **self._sign(body)}, thread)

    def _form(self, fields: Mapping[str, str], thread: str = "") -> WireRequest:
        body = urlencode(fields).encode()
        return WireRequest(body, {"content-type": FORM, **self._sign(body)}, thread)

    def _sign(self, body: bytes, at: float | None = None) -> dict[str, str]:
        signed = self.slack.signed(body, at)
        return {name.lower(): value for name, value in signed.items()}


def _with(wire: WireRequest, headers: Mapping[str, str]) -> WireRequest:
    """Return the request with other headers; an empty one is left out."""
    changed = {**wire.headers, **headers}
    return replace(wire, headers={name: value for name, value in changed.items() if value})


def _seen(shown: Message) -> ShownMessage:
    parts = list(walk(shown.blocks))
    kinds = {part["action_id"].split(".")[1] for part in shown.controls}
    calls = tuple(part["type"] for part in parts if part.get("type") in CALLS)
    marked = [part["text"] for part in parts if part.get("type") == "mrkdwn"]
    marks = tuple(text for text in (*marked, shown.fallback) if "<" in text)
    text = "\n".join([shown.text, *(file.text for file in shown.files)])
    return ShownMessage(
        text, frozenset(kinds), shown.to, shown.thread, (*calls, *marks), replace(shown)
    )
