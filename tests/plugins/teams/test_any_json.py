"""Whatever JSON arrives, reading makes a receipt of it or refuses."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartops import Clock, Reply, ValidationFailed
from smartops.channels import Receipt
from smartops_teams import TeamsConfig
from smartops_teams.activity import home, platform, reference, tenants
from smartops_teams.answers import message_activity
from smartops_teams.cards import card
from smartops_teams.reading import Reader
from teams_activities import ALICE, APP_ID, BOT, MENTION, TENANT, activity, in_channel, pressed

CARD = card(Reply.of("Done."))
READER = Reader(APP_ID, Clock(), sends=True)
CONFIG = TeamsConfig(app_id=APP_ID, tenants=(TENANT,))

TYPED = ["<at>SmartOps</at> list", "<at", ";messageid=", "28:", "\ud800", "\x00", ""]
KINDS = ["installationUpdate", "conversationUpdate", "add", "remove"]
KINDS += ["message", "invoke", "adaptiveCard/action", "expectReplies", "Action.Execute", "mention"]
IDS = [ALICE, TENANT, APP_ID, BOT["id"], MENTION["text"]]
MEMBERS = sorted({*activity(), *MENTION, "verb", "trigger", "data", "action", "command", "value"})
MEMBERS += ["form", "field:x", "membersAdded", "membersRemoved", "eventType"]
MEMBERS += ["id", "aadObjectId", "tenantId", "role", "tenant", "team", "channel", "deliveryMode"]

NAMES = st.sampled_from(MEMBERS) | st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*TYPED, *KINDS, *IDS])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
ANYTHING = st.dictionaries(NAMES, VALUES, max_size=12)


def damaged(template: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A real activity with some members replaced by anything."""
    changes = st.dictionaries(st.sampled_from(sorted(template)), VALUES, max_size=4)
    return changes.map(lambda change: {**template, **change})


def read(sent: dict[str, Any]) -> Receipt:
    platform(sent), tenants(sent), home(sent)
    assert json.loads(json.dumps(reference(sent)))
    try:
        return READER.read(sent, "r1")
    except ValidationFailed:
        return Receipt()


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    ANYTHING
    | damaged(activity(deliveryMode="expectReplies"))
    | damaged(in_channel("help"))
    | damaged(pressed({"action": "confirm_abc"}))
)
def test_any_json_is_read_or_refused(sent: dict[str, Any]) -> None:
    receipt = read(sent)
    assert receipt.ack.status in (200, 400, 501)
    assert not receipt.waits or receipt.messages
    for message in receipt.messages:
        assert sent["type"] in ("message", "invoke")
        assert message.sender.id
        assert message.sender.tenant
        assert message.conversation
        assert not (message.text and message.action)
        assert message_activity(message.reference, CARD)["type"] == "message"


ALLOWED = re.compile(
    r"https://(smba\.trafficmanager\.net|[^/?#@:\\\s]+\.botframework\.com|teams\.microsoft\.com"
    r"|smba\.infra\.gcc\.teams\.microsoft\.com)(:443)?(/[^\s\\]*)?",
    re.IGNORECASE,
)
PIECES = ["https://", "http://", "smba.trafficmanager.net", "x.botframework.com", "evil.example"]
PIECES += ["@", ":", "443", "80", "/", "\\", "?", "#", ".", "%2e", "[::1]", "\t", " "]


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text())
def test_only_allowed_hosts_are_answered(url: str) -> None:
    assert not CONFIG.allows(url) or ALLOWED.fullmatch(url)
