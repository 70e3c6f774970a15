"""The Bot Framework service as a bot sees it: who signs, and what arrives.

Two real issuers on 127.0.0.1 stand in for Microsoft: the Bot Framework's and
Entra's. Activities have the members that Teams sends.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from smartops import Clock
from smartops.channels import Headers, Inbound
from smartops.testing import StandInIssuer
from smartops.testing.issuer import SigningKey

APP_ID = "1f0c6a2e-5b7d-4c3a-9e8f-0a1b2c3d4e5f"
TENANT = "aaaaaaaa-1111-4222-8333-444444444444"
STRANGE_TENANT = "bbbbbbbb-1111-4222-8333-444444444444"
ALICE = "cccccccc-5555-4666-8777-888888888888"
SERVICE_URL = "https://smba.trafficmanager.net/emea/"
FRAMEWORK = "https://api.botframework.com"
BOT = {"id": f"28:{APP_ID}", "name": "SmartOps"}
ENDORSED: Mapping[str, Mapping[str, Any]] = {
    "endorsed-for-web-chat": {"endorsements": ["webchat"]},
    "endorsed-for-nothing": {"endorsements": []},
    "endorsed-by-a-string": {"endorsements": "msteams"},
    "not-endorsed": {},
}
MENTION = {"type": "mention", "mentioned": BOT, "text": "<at>SmartOps</at>"}

_numbers = itertools.count(1_700_000_000_000)


def activity(**changes: Any) -> dict[str, Any]:
    """Return a message of a person in a one-to-one chat; a change to None leaves a member out."""
    usual = {
        "type": "message",
        "id": str(next(_numbers)),
        "timestamp": "2026-11-24T09:00:00.000Z",
        "localTimestamp": "2026-11-24T10:00:00.000+01:00",
        "localTimezone": "Europe/Berlin",
        "channelId": "msteams",
        "serviceUrl": SERVICE_URL,
        "from": {"id": "29:1alice", "name": "Alice Example", "aadObjectId": ALICE},
        "recipient": BOT,
        "conversation": {
            "id": "a:1personal",
            "conversationType": "personal",
            "tenantId": TENANT,
        },
        "channelData": {"tenant": {"id": TENANT}},
        "textFormat": "plain",
        "locale": "en-GB",
        "entities": [{"type": "clientInfo", "locale": "en-GB", "platform": "Web"}],
        "text": "list instances",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def in_channel(text: str, **changes: Any) -> dict[str, Any]:
    """Return a message in a thread of a team's channel, which mentions the bot."""
    return activity(
        text=f"<at>SmartOps</at> {text}",
        entities=[MENTION],
        conversation={
            "id": "19:ops@thread.tacv2;messageid=1699999999999",
            "conversationType": "channel",
            "isGroup": True,
            "tenantId": TENANT,
        },
        channelData={
            "tenant": {"id": TENANT},
            "team": {"id": "19:general@thread.tacv2", "name": "Operations"},
            "channel": {"id": "19:ops@thread.tacv2"},
            "teamsTeamId": "19:general@thread.tacv2",
            "teamsChannelId": "19:ops@thread.tacv2",
        },
        **changes,
    )


def pressed(data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the invoke that Teams sends when a button (Action.Execute) is pressed."""
    value = {
        "action": {"type": "Action.Execute", "verb": "confirm", "data": data},
        "trigger": "manual",
    }
    usual = {"type": "invoke", "name": "adaptiveCard/action", "replyToId": "1700", "text": None}
    return activity(**{**usual, "value": value, **changes})


@dataclass
class TeamsService:
    """Signs as the Bot Framework (``framework``) and as a tenant of Entra (``entra``)."""

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
        """Return the request of an activity; with a good token unless told otherwise."""
        if authorization == "":
            authorization = f"Bearer {self.framework.token()}"
        if authorization is not None:
            headers["authorization"] = authorization
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return Inbound("POST", "/api/messages", Headers(pairs), raw, "request-1", "127.0.0.1")
