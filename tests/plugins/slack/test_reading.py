"""Which payloads become messages, and what those contain."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slack_payloads import (
    ALICE,
    BOT,
    CHANNEL,
    DIRECT,
    TEAM,
    TS,
    Signer,
    direct,
    event,
    mention,
    pressed,
    slash,
    submitted,
)
from smartops import Identity, Message, Services, ValidationFailed
from smartops.channels import Claims, Place, Receipt
from smartops.testing import ManualClock
from smartops_slack import SlackChannel, SlackConfig

MESSAGE = {"ts": "1700000009.1", "thread_ts": TS, "channel": CHANNEL, "text": "?", "blocks": []}

Read = Callable[[Any], Receipt]


@pytest.fixture
def channel(config: SlackConfig, services: Services) -> SlackChannel:
    return SlackChannel(config, services)


@pytest.fixture
def read(channel: SlackChannel, signer: Signer) -> Read:
    def read(payload: Any) -> Receipt:
        kind = payload.get("type")
        if kind in ("block_actions", "view_submission", "view_closed", "shortcut"):
            inbound = signer.interaction(payload)
        else:
            inbound = signer.form(payload) if "command" in payload else signer.event(payload)
        return channel.read(inbound, Claims(None))

    return read


def only(receipt: Receipt) -> Message:
    assert receipt.ack.status == 200
    assert receipt.ack.body == b""
    assert not receipt.waits
    (message,) = receipt.messages
    assert Message.load(message.dump()) == message
    return message


def test_the_sample_of_the_wire_contract_is_read(channel: SlackChannel, signer: Signer):
    sample = {
        "token": "verification-token",
        "team_id": "T1234567890",
        "api_app_id": "A1234567890",
        "event": {
            "type": "app_mention",
            "text": "<@U1234567890> list instances",
            "user": "U0987654321",
            "ts": "1234567890.123456",
            "channel": "C1234567890",
        },
    }
    message = only(channel.read(signer.event(sample), Claims(None)))
    assert message.text == "list instances"
    assert message.sender == Identity("slack", "T1234567890", "U0987654321")
    assert message.place == Place("slack", "T1234567890", "", "C1234567890")
    assert message.id == message.thread == "1234567890.123456"


def test_a_mention_becomes_a_message(read: Read, clock: ManualClock) -> None:
    message = only(read(event()))
    assert message.text == "list instances"
    assert message.sender == Identity("slack", TEAM, ALICE)
    assert str(message.place) == f"slack/{TEAM}/{CHANNEL}"
    assert (message.conversation, message.team, message.channel) == (CHANNEL, TEAM, "slack")
    assert (message.id, message.thread) == (TS, TS)
    assert message.at == clock.now()
    assert message.request_id == "request-1"
    assert message.asks
    assert message.reference == {"channel": CHANNEL, "user": ALICE, "thread": TS}


def test_a_mention_in_a_thread_stays_in_it(read: Read) -> None:
    message = only(read(mention("list instances", ts="1700000005.1", thread_ts=TS)))
    assert (message.id, message.thread) == ("1700000005.1", TS)


def test_a_direct_message_needs_no_mention_and_makes_no_thread(read: Read) -> None:
    message = only(read(direct("list instances")))
    assert (message.text, message.thread, message.conversation) == ("list instances", "", DIRECT)
    threaded = only(read(direct("list instances", thread_ts="1700000001.1")))
    assert threaded.thread == "1700000001.1"


@pytest.mark.parametrize("subtype", ["file_share", "thread_broadcast"])
def test_new_messages_of_some_subtypes_are_read(read: Read, subtype: str) -> None:
    assert only(read(direct("list instances", subtype=subtype))).text == "list instances"


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(direct("x", subtype="message_changed"), id="edited"),
        pytest.param(direct("x", subtype="message_deleted"), id="deleted"),
        pytest.param(direct("x", subtype="bot_message"), id="bot"),
        pytest.param(direct("x", subtype="channel_join"), id="joined"),
        pytest.param(mention("x", edited={"user": ALICE, "ts": "1"}), id="mention by edit"),
        pytest.param(direct("x", bot_id="B1"), id="bot id"),
        pytest.param(direct("x", bot_profile={"id": "B1"}), id="bot profile"),
        pytest.param(direct("x", user=BOT), id="own"),
        pytest.param(direct("x", user="USLACKBOT"), id="slackbot"),
        pytest.param(direct("x", hidden=True), id="hidden"),
        pytest.param(event(type="message", channel_type="channel", text="x"), id="no mention"),
        pytest.param(
            event(type="message", channel_type="channel", text=f"{BOT} x"), id="a name, no mention"
        ),
        pytest.param(event(type="reaction_added"), id="reaction"),
        pytest.param(event(type="app_home_opened"), id="home"),
        pytest.param(event(type="app_uninstalled"), id="uninstalled"),
        pytest.param(event(type="tokens_revoked"), id="revoked"),
        pytest.param({"type": "app_rate_limited", "team_id": TEAM}, id="rate limited"),
        pytest.param({}, id="nothing"),
        pytest.param({"type": "view_closed", "view": {}}, id="closed"),
        pytest.param({"type": "shortcut", "callback_id": "x"}, id="shortcut"),
    ],
)
def test_everything_else_is_only_acknowledged(read: Read, payload: Any) -> None:
    receipt = read(payload)
    assert receipt.messages == ()
    assert receipt.ack.status == 200
    assert receipt.ack.body == b""


@pytest.mark.parametrize("missing", ["user", "ts", "channel"])
def test_an_incomplete_event_is_malformed(read: Read, missing: str) -> None:
    with pytest.raises(ValidationFailed):
        read(event(**{missing: None}))


def test_another_workspace_is_not_served(read: Read) -> None:
    payload = event()
    payload["team_id"] = "T999"
    payload["authorizations"][0]["team_id"] = "T999"
    assert read(payload).messages == ()
    receipt = read(slash("list instances", team_id="T999"))
    assert receipt.messages == ()
    assert json.loads(receipt.ack.body)["response_type"] == "ephemeral"


def test_a_person_of_an_organisation_has_one_identity(
    configured: Any, services: Services, signer: Signer
) -> None:
    channel = SlackChannel(configured(workspaces=["E1000", "T0005"]), services)
    payload = event()
    payload["authorizations"][0]["enterprise_id"] = "E1000"
    mentioned = only(channel.read(signer.event(payload), Claims(None)))
    command = slash("help", enterprise_id="E1000")
    commanded = only(channel.read(signer.form(command), Claims(None)))
    press = pressed(
        {"action_id": "smartops.command.0", "value": "help"},
        MESSAGE,
        enterprise={"id": "E1000", "name": "x"},
        user={"id": ALICE, "username": "alice", "team_id": "T0005"},
    )
    clicked = only(channel.read(signer.interaction(press), Claims(None)))
    assert (
        mentioned.sender == commanded.sender == clicked.sender == Identity("slack", "E1000", ALICE)
    )
    assert mentioned.place.tenant == "E1000"
    assert mentioned.team == TEAM


def test_people_of_other_companies_need_their_own_workspace(
    configured: Any, services: Services, signer: Signer
) -> None:
    payload = event(user_team="T777")
    payload["is_ext_shared_channel"] = True
    press = pressed(
        {"action_id": "smartops.command.0", "value": "help"},
        MESSAGE,
        user={"id": ALICE, "username": "x", "team_id": "T777"},
    )
    for inbound in (signer.event(payload), signer.interaction(press)):
        closed = SlackChannel(configured(), services)
        assert closed.read(inbound, Claims(None)).messages == ()
        opened = SlackChannel(configured(workspaces=[TEAM, "T777"]), services)
        message = only(opened.read(inbound, Claims(None)))
        assert message.sender == Identity("slack", "T777", ALICE)
        assert message.place.tenant == TEAM


def test_a_press_in_an_organisation_by_a_person_of_another_company_is_ignored(
    configured: Any, services: Services, signer: Signer
) -> None:
    press = pressed(
        {"action_id": "smartops.command.0", "value": "help"},
        MESSAGE,
        enterprise={"id": "E1000", "name": "x"},
        user={"id": ALICE, "username": "x", "team_id": "T777"},
    )
    channel = SlackChannel(configured(workspaces=["E1000", TEAM]), services)
    assert channel.read(signer.interaction(press), Claims(None)).messages == ()


def test_our_people_in_shared_channels(read: Read) -> None:
    payload = event(user_team=TEAM, source_team=TEAM)
    payload["is_ext_shared_channel"] = True
    assert only(read(payload)).sender.tenant == TEAM


def test_a_slash_command_becomes_a_message(read: Read, clock: ManualClock) -> None:
    message = only(read(slash("stop &lt;web-1&gt; &amp; co")))
    assert message.text == "stop <web-1> & co"
    assert message.sender == Identity("slack", TEAM, ALICE)
    assert message.id == slash("")["trigger_id"]
    assert (message.thread, message.sender_name) == ("", "alice")
    assert message.reference["asked"] == "/smartops stop <web-1> & co"
    assert message.short_lived["response_url"].startswith("https://hooks.slack.com/")
    assert message.short_lived["response_until"] < clock.time() + 1800
    assert message.short_lived["trigger_until"] < clock.time() + 3


def test_a_slash_command_in_a_direct_message_is_not_repeated(read: Read) -> None:
    assert "asked" not in only(read(slash("help", channel_id=DIRECT))).reference


def test_a_command_without_a_trigger_has_the_request_id(read: Read) -> None:
    assert only(read(slash("help", trigger_id=""))).id == "request-1"


def test_a_foreign_response_url_is_not_used(read: Read) -> None:
    message = only(read(slash("help", response_url="https://hooks.slack.com.evil.example/x")))
    assert "response_url" not in message.reference
    assert message.text == "help"


def test_ssl_check_is_answered(channel: SlackChannel, signer: Signer) -> None:
    receipt = channel.read(signer.form({"ssl_check": "1", "token": "x"}), Claims(None))
    assert (receipt.messages, receipt.ack.status) == ((), 200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"command=%2Fsmartops&text=x",
        b"command=/smartops&user_id=U1&channel_id=C1&user_id=U2",
        b"command=/smartops&user_id=%ff&channel_id=C1",
        b"command=/smartops&user_id=\xff&channel_id=C1",
        b"payload=",
        b"payload=%7B",
        b"payload=%5B%5D",
        b"payload=%7B%22a%22%3A1%2C%22a%22%3A2%7D",
        b"&".join(b"f%d=1" % number for number in range(65)),
        b'{"type":"event_callback","type":"url_verification"}',
        b"{",
    ],
)
def test_malformed_bodies_are_refused(channel: SlackChannel, signer: Signer, body: bytes) -> None:
    inbound = signer.sign(body)
    with pytest.raises(ValidationFailed) as refused:
        channel.read(inbound, Claims(None))
    answer = channel.refuse(inbound, refused.value)
    assert answer is not None
    assert answer.status == 400
    assert ("X-Slack-No-Retry", "1") in answer.headers
    assert json.loads(answer.body)["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("action_id", "text", "action"),
    [
        ("smartops.confirm.0", "", "confirm_abc"),
        ("smartops.cancel.1", "", "confirm_abc"),
        ("smartops.command.2", "confirm_abc", ""),
    ],
)
def test_a_pressed_button_becomes_a_message(
    read: Read, action_id: str, text: str, action: str
) -> None:
    button = {"action_id": action_id, "value": "confirm_abc"}
    message = only(read(pressed(button, MESSAGE, trigger_id="13.1")))
    assert (message.text, message.action) == (text, action)
    assert message.shown_in == f"{CHANNEL}:1700000009.1"
    assert (message.thread, message.conversation, message.id) == (TS, CHANNEL, "13.1")
    assert message.sender == Identity("slack", TEAM, ALICE)


def test_a_button_outside_a_thread_starts_one(read: Read) -> None:
    top = {**MESSAGE}
    del top["thread_ts"]
    button = {"action_id": "smartops.confirm.0", "value": "x"}
    assert only(read(pressed(button, top))).thread == "1700000009.1"
    assert only(read(pressed(button, {**top, "channel": DIRECT}))).thread == ""


def test_a_button_of_an_ephemeral_message(read: Read) -> None:
    button = {"action_id": "smartops.command.0", "value": "help"}
    message = only(read(pressed(button, {**MESSAGE, "ephemeral": True})))
    assert message.shown_in == f"{CHANNEL}:1700000009.1:ephemeral"


@pytest.mark.parametrize(
    "button",
    [
        {"action_id": "other", "value": "x"},
        {"action_id": "smartops.confirm.0"},
        {"action_id": "smartops.confirm.0", "value": ""},
        {"value": "x"},
    ],
)
def test_other_controls_are_ignored(read: Read, button: dict[str, str]) -> None:
    assert read(pressed(button, MESSAGE)).messages == ()


VALUES = {
    "smartops.field.target": {"smartops.value": {"type": "plain_text_input", "value": "web-1"}},
    "smartops.field.force": {
        "smartops.value": {"type": "static_select", "selected_option": {"value": "true"}}
    },
    "smartops.field.note": {"smartops.value": {"type": "plain_text_input", "value": None}},
    "smartops.field.kind": {"smartops.value": {"type": "static_select", "selected_option": None}},
    "other.plugin": {"smartops.value": {"type": "plain_text_input", "value": "x"}},
}


def test_a_form_in_a_message_is_read(read: Read) -> None:
    button = {"action_id": "smartops.form.0", "value": "stop"}
    message = only(read(pressed(button, MESSAGE, state={"values": VALUES})))
    assert message.text == "stop"
    assert message.form == {"target": "web-1", "force": "true"}


def test_other_dialogs_are_ignored(read: Read) -> None:
    view = {"callback_id": "other", "private_metadata": "not JSON"}
    assert read(submitted(view, {})).messages == ()


@pytest.mark.parametrize("metadata", ["", "{", "[]", "{}", '{"channel": 5}'])
def test_a_dialog_without_its_address_is_malformed(read: Read, metadata: str) -> None:
    view = {"callback_id": "smartops.form", "private_metadata": metadata}
    with pytest.raises(ValidationFailed):
        read(submitted(view, {}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([TEAM, TS]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["event", "user", "channel", "id", "ts", "type", "text", "view", "state", "values",
             "actions", "action_id", "value", "container", "message_ts", "team", "authorizations",
             "private_metadata", "callback_id", "selected_option", "smartops.value"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
KINDS = ["event_callback", "block_actions", "view_submission", "url_verification", "x", ""]


@given(members=st.dictionaries(st.sampled_from(["event", "user", "team_id", "view", "actions",
       "container", "channel", "message", "state", "challenge", "team"]), anything, max_size=8),
       kind=st.sampled_from(KINDS), inner=st.sampled_from(["app_mention", "message"]))  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_any_json_is_read_or_refused(members: dict[str, Any], kind: str, inner: str) -> None:
    clock = ManualClock()
    config = SlackConfig(bot_token="xoxb-1", signing_secret="x", workspaces=(TEAM,))  # type: ignore[arg-type]
    channel = SlackChannel(config, Services(clock, None, None))  # type: ignore[arg-type]
    payload = {**members, "type": kind}
    if isinstance(payload.get("event"), dict):
        payload["event"] = {**payload["event"], "type": inner}
    signer = Signer(clock)
    for inbound in (signer.event(payload), signer.interaction(payload)):
        try:
            receipt = channel.read(inbound, Claims(None))
        except ValidationFailed:
            continue
        for message in receipt.messages:
            assert message.sender.id
            assert message.conversation
