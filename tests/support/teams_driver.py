"""The simulated Teams as the contract of channels drives it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jwt

from smartops.testing.channels import ChannelDriver, Press, ShownMessage, WireRequest, WireResponse
from smartops.testing.issuer import SigningKey
from smartops_simulators.platform import Delivered
from smartops_simulators.teams import Message, TeamsSimulator
from smartops_simulators.teams.activities import Activities


class TeamsDriver(ChannelDriver):
    provider = "teams"

    def __init__(self, teams: TeamsSimulator) -> None:
        self.teams = teams
        self.room = teams.conversation("ops")
        for name in ("alice", "mallory"):
            self.room.members[name] = teams.user(name)
        self._pressed: dict[bytes, tuple[Message, str]] = {}
        self._notices: list[ShownMessage] = []

    def says(self, text: str, *, user: str = "alice", thread: str = "") -> WireRequest:
        begun = self.room.find(thread) if thread else None
        sent = self._of(user).message(text, begun, mention=True)
        shown = Message(id=sent["id"], author=user, activity=sent, thread=thread or sent["id"])
        self.room.posted.append(shown)
        return self._signed(sent, thread=shown.thread)

    def presses(self, seen: ShownMessage, what: Press, *, user: str = "alice") -> WireRequest:
        wire = self._signed(self._of(user).invoke(seen.platform, what, {}), thread=seen.thread)
        self._pressed[wire.body] = (seen.platform, user)
        return wire

    def forge(self, wire: WireRequest) -> Mapping[str, WireRequest]:
        login, now = self.teams.login, int(self.teams.clock.time())
        claims = {
            "iss": "https://api.botframework.com",
            "aud": login.app_id,
            "serviceurl": self.teams.service_url,
            "exp": now + 3600,
        }
        key, other = self.teams.framework.key, SigningKey.create()
        signed = {
            "another key": jwt.encode(claims, other.private, "RS256", {"kid": key.kid}),
            "an unknown key": jwt.encode(claims, other.private, "RS256", {"kid": other.kid}),
            "no signature": jwt.encode(claims, None, "none", {"kid": key.kid}),
        }
        for what, changes in (
            ("stale", {"exp": now - 400}),
            ("for another bot", {"aud": "00000000-0000-4000-8000-000000000000"}),
            ("by another issuer", {"iss": "https://evil.example"}),
            ("for another service", {"serviceurl": "https://evil.example/"}),
        ):
            signed[what] = jwt.encode({**claims, **changes}, key.private, "RS256", {"kid": key.kid})
        stranger = json.loads(wire.body)
        stranger["conversation"]["tenantId"] = stranger["channelData"]["tenant"]["id"] = "0" * 36
        forged = {
            what: replace(wire, headers={**wire.headers, "authorization": f"Bearer {token}"})
            for what, token in signed.items()
        }
        return {
            **forged,
            "no token": replace(wire, headers={"content-type": "application/json"}),
            "another tenant": replace(wire, body=json.dumps(stranger).encode()),
        }

    def bot_messages(self, text: str) -> Sequence[WireRequest]:
        made = self._of("alice").message(text, None, mention=True)
        other = {"id": "28:11111111-2222-4333-8444-555555555555", "name": "Other", "role": "bot"}
        return [self._signed({**made, "from": who}) for who in (self.teams.account, other)]

    def edits(self, text: str) -> Sequence[WireRequest]:
        made = self._of("alice").message(text, None, mention=True)
        data = {**made["channelData"], "eventType": "editMessage"}
        edited = {**made, "type": "messageUpdate", "channelData": data}
        reaction = {**edited, "type": "messageReaction", "reactionsAdded": [{"type": "like"}]}
        return [self._signed(edited), self._signed(reaction)]

    def seen(self) -> Sequence[ShownMessage]:
        chats = self.teams.conversations.values()
        found = [_seen(item, _alone(chat)) for chat in chats for item in chat.answers]
        return [*found, *self._notices]

    def rejected(self) -> Sequence[str]:
        return tuple(f"{call.method} {call.path}: {call.status}" for call in self.teams.rejected)

    def record_response(self, wire: WireRequest, answered: WireResponse) -> None:
        if wire.body in self._pressed and answered.status == 200:
            shown, user = self._pressed[wire.body]
            clicked = self.teams.saw(
                replace(shown, views={}), user, Delivered(answered.status, answered.body)
            )
            notice = ShownMessage(clicked.text, to=user)
            if notice not in self._notices:
                self._notices.append(notice)

    def _of(self, user: str) -> Activities:
        return self.teams.of(user, self.room)

    def _signed(self, activity: Mapping[str, Any], thread: str = "") -> WireRequest:
        token = f"Bearer {self.teams.sign()}"
        headers = {"authorization": token, "content-type": "application/json"}
        return WireRequest(json.dumps(activity).encode(), headers, thread)


def _alone(chat: Any) -> str:
    """Return who alone reads a conversation."""
    return chat.name.removeprefix("with ") if chat.kind == "personal" else ""


def _seen(shown: Message, to: str) -> ShownMessage:
    actions = (shown.card or {}).get("actions", ())
    kinds = frozenset(str(action.get("verb")) for action in actions)
    calls = tuple(
        entity["text"]
        for entity in shown.activity.get("entities", ())
        if entity.get("type") == "mention"
    )
    return ShownMessage(shown.text, kinds, to, shown.thread, calls, replace(shown, views={}))
