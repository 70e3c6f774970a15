"""What people do in Teams, as the simulator's activities with fixed ids, and who signs them.

Two stand-in issuers of the test kit are the Bot Framework and Entra, with real service URLs in
their tokens.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from smartops import Clock
from smartops.channels import Headers, Inbound
from smartops.testing import StandInIssuer
from smartops.testing.issuer import SigningKey
from smartops_simulators.teams import Conversation, TeamsSimulator
from smartops_simulators.teams.service import APP_ID, ISSUER, TENANT

STRANGE_TENANT = "bbbbbbbb-1111-4222-8333-444444444444"
SERVICE_URL = "https://smba.trafficmanager.net/emea/"
FRAMEWORK = ISSUER
ENDORSED: Mapping[str, Mapping[str, Any]] = {
    "endorsed-for-web-chat": {"endorsements": ["webchat"]},
    "endorsed-for-nothing": {"endorsements": []},
    "endorsed-by-a-string": {"endorsements": "msteams"},
    "not-endorsed": {},
}
THREAD = "1699999999999"

_TEAMS = TeamsSimulator(Clock())
_TEAMS.service_url = SERVICE_URL
PERSON = _TEAMS.user("alice example").account
ALICE = PERSON["aadObjectId"]
BOT = _TEAMS.account
MENTION = {"type": "mention", "mentioned": BOT, "text": "<at>SmartOps</at>"}
_CHAT = Conversation(id="a:1personal", kind="personal", name="with alice", tenant=TENANT)
_CHANNEL = Conversation(
    id="19:ops@thread.tacv2",
    kind="channel",
    name="ops",
    tenant=TENANT,
    team="19:general@thread.tacv2",
)


def activity(**changes: Any) -> dict[str, Any]:
    """Return a message of a person in a one-to-one chat; a change to None leaves a member out."""
    usual = _TEAMS.of("alice example", _CHAT).message("list instances", None, mention=False)
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def in_channel(text: str, **changes: Any) -> dict[str, Any]:
    """Return a message in a thread of a team's channel, which mentions the bot."""
    sent = {
        "text": f"<at>SmartOps</at> {text}",
        "entities": [MENTION],
        "conversation": _CHANNEL.reference(THREAD),
        "channelData": _CHANNEL.channel_data(),
    }
    return activity(**{**sent, **changes})


def pressed(data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the invoke that Teams sends when a button (Action.Execute) is pressed."""
    value = {
        "action": {"type": "Action.Execute", "verb": "confirm", "data": data},
        "trigger": "manual",
    }
    usual = {"type": "invoke", "name": "adaptiveCard/action", "replyToId": "1700", "text": None}
    return activity(**{**usual, "value": value, **changes})


@dataclass
class Issuers:
    """The Bot Framework (``framework``) and a tenant of Entra (``entra``)."""

    framework: StandInIssuer
    entra: StandInIssuer
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def start(cls, clock: Clock | None = None) -> AsyncIterator[Self]:
        async with (
            StandInIssuer.start(
                issuer=FRAMEWORK,
                audience=APP_ID,
                claims={"serviceurl": SERVICE_URL, "sub": None},
                clock=clock,
                endorsements=["msteams", "webchat"],
            ) as framework,
            StandInIssuer.start(
                issuer=f"https://sts.windows.net/{TENANT}/",
                audience=APP_ID,
                claims={"ver": "1.0", "appid": APP_ID, "tid": TENANT},
                clock=clock,
            ) as entra,
        ):
            for kid, members in ENDORSED.items():
                key = SigningKey(kid, framework.key.private, dict(members))
                framework.keys.insert(0, key)
            settings = {
                "app_id": APP_ID,
                "tenants": [TENANT],
                "metadata": framework.metadata_url,
                "emulator_metadata": entra.metadata_url,
            }
            yield cls(framework, entra, settings)

    def token(self, kid: str, **overrides: Any) -> str:
        """Return a good token but for the key, which is one of ENDORSED."""
        key = next(key for key in self.framework.keys if key.kid == kid)
        now = int(self.framework.clock.time())
        usual = {"iss": FRAMEWORK, "aud": APP_ID, "exp": now + 3600, "serviceurl": SERVICE_URL}
        return self.framework.sign({**usual, **overrides}, key=key)

    def inbound(
        self, body: Mapping[str, Any] | bytes, authorization: str | None = "", **headers: str
    ) -> Inbound:
        """Return the request of an activity; with a valid token by default."""
        if authorization == "":
            authorization = f"Bearer {self.framework.token()}"
        if authorization is not None:
            headers["authorization"] = authorization
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return Inbound("POST", "/api/messages", Headers(pairs), raw, "request-1", "127.0.0.1")
