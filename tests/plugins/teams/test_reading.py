"""Messages from activities, and acknowledgements of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smartops import Identity, Message, ValidationFailed
from smartops.channels import Place, Receipt, Response
from smartops.testing import ManualClock
from smartops_teams.reading import Reader
from teams_activities import (
    ALICE,
    APP_ID,
    BOT,
    PERSON,
    SERVICE_URL,
    STRANGE_TENANT,
    TENANT,
    activity,
    in_channel,
    pressed,
)

IGNORED = Receipt(ack=Response(200, b"", "text/plain"))


@pytest.fixture
def reader(clock: ManualClock) -> Reader:
    return Reader(APP_ID, clock, sends=True)


def one(receipt: Receipt) -> Message:
    (message,) = receipt.messages
    return message


def test_a_message_in_private(reader: Reader, clock: ManualClock) -> None:
    sent = activity(text="list instances")
    receipt = reader.read(sent, "r1")
    assert not receipt.waits
    assert receipt.ack == IGNORED.ack
    message = one(receipt)
    assert message == Message(
        id=sent["id"],
        channel="teams",
        conversation="a:1personal",
        sender=Identity("teams", TENANT, ALICE),
        place=Place("teams", TENANT, "", "a:1personal"),
        at=clock.now(),
        request_id="r1",
        text="list instances",
        team=TENANT,
        sender_name="Alice Example",
        reference=message.reference,
        asks=True,
    )


def test_a_message_in_a_thread_of_a_channel(reader: Reader) -> None:
    message = one(reader.read(in_channel("list instances"), "r1"))
    assert message.text == "list instances"
    assert message.conversation == "19:ops@thread.tacv2;messageid=1699999999999"
    assert message.thread == "1699999999999"
    assert message.place == Place("teams", TENANT, "19:general@thread.tacv2", "19:ops@thread.tacv2")
    assert message.team == "19:general@thread.tacv2"


def test_a_message_in_a_group_chat(reader: Reader) -> None:
    chat = {"id": "19:chat@thread.v2", "conversationType": "groupChat", "tenantId": TENANT}
    message = one(reader.read(activity(conversation=chat), "r1"))
    assert message.place == Place("teams", TENANT, "", "19:chat@thread.v2")
    assert (message.thread, message.team) == ("", TENANT)


def test_ids_of_people_are_in_lower_case(reader: Reader) -> None:
    sent = activity(
        channelData={"tenant": {"id": TENANT.upper()}},
        **{"from": {"id": "29:1", "aadObjectId": ALICE.upper()}},
    )
    message = one(reader.read(sent, "r1"))
    assert message.sender == Identity("teams", TENANT, ALICE)
    assert message.sender_name == ""


def test_a_guest_has_the_tenant_of_its_home(reader: Reader) -> None:
    guest = {"id": "29:1", "aadObjectId": ALICE, "tenantId": STRANGE_TENANT}
    message = one(reader.read(activity(**{"from": guest}), "r1"))
    assert message.sender.tenant == STRANGE_TENANT
    assert message.place.tenant == TENANT


def test_the_reference_has_everything_that_a_reply_needs(reader: Reader) -> None:
    sent = in_channel("help", replyToId="1699")
    message = one(reader.read(sent, "r1"))
    reference = message.reference
    assert message.shown_in == ""  # a typed answer was in no card
    assert json.loads(json.dumps(reference)) == {
        "answer": "",
        "serviceUrl": SERVICE_URL,
        "channelId": "msteams",
        "conversation": "19:ops@thread.tacv2;messageid=1699999999999",
        "kind": "channel",
        "tenant": TENANT,
        "activity": sent["id"],
        "bot": BOT,
        "user": {"id": PERSON["id"], "name": "Alice Example"},
    }


def test_expected_replies_are_waited_for(reader: Reader) -> None:
    receipt = reader.read(activity(deliveryMode="expectReplies"), "r1")
    assert receipt.waits
    assert one(receipt).reference["answer"] == "replies"


def test_a_bare_mention_is_an_empty_message(reader: Reader) -> None:
    assert one(reader.read(in_channel(""), "r1")).text == ""


# --- buttons ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_submitted_card_is_a_pressed_action(reader: Reader, text: str | None) -> None:
    sent = activity(text=text, value={"action": "confirm_abc"}, replyToId="1700")
    message = one(reader.read(sent, "r1"))
    assert (message.text, message.action) == ("", "confirm_abc")
    assert message.shown_in == "1700"


def test_typed_text_has_priority_over_a_value(reader: Reader) -> None:
    sent = activity(text="help", value={"action": "confirm_abc"})
    message = one(reader.read(sent, "r1"))
    assert (message.text, message.action) == ("help", "")


@pytest.mark.parametrize("value", [{}, {"x": 1}, {"action": 1}, {"action": ""}, {"command": []}])
def test_a_value_of_another_button_is_ignored(reader: Reader, value: Any) -> None:
    receipt = reader.read(activity(text=None, value=value), "r1")
    assert receipt == IGNORED


@pytest.mark.parametrize("trigger", ["manual", None, "unknown"])
def test_a_pressed_button_is_an_invoke_that_waits(reader: Reader, trigger: str | None) -> None:
    sent = pressed({"action": "confirm_abc", "comment": "typed into the card"})
    sent["value"]["trigger"] = trigger
    receipt = reader.read(sent, "r1")
    assert receipt.waits
    message = one(receipt)
    assert (message.text, message.action) == ("", "confirm_abc")
    assert message.reference["answer"] == "invoke"
    assert message.shown_in == "1700"


ACTION = {"type": "Action.Execute", "data": {"action": "confirm_abc"}}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [],
        {},
        {"action": None},
        {"action": "confirm_abc"},
        {"action": {"data": {"action": "confirm_abc"}}},
        {"action": {**ACTION, "type": "Action.Submit"}},
        {"action": {**ACTION, "type": ["Action.Execute"]}},
        {"action": {**ACTION, "data": "confirm_abc"}},
        {"action": {**ACTION, "data": None}},
        {"action": {**ACTION, "data": {"action": {"action": "x"}}}},
        {"action": ACTION, "trigger": "automatic"},
    ],
)
def test_a_malformed_invoke_is_answered_with_an_error(reader: Reader, value: Any) -> None:
    receipt = reader.read(pressed({}, value=value), "r1")
    assert not receipt.messages
    assert receipt.ack.status == 400
    body = json.loads(receipt.ack.body)
    assert (body["statusCode"], body["type"]) == (400, "application/vnd.microsoft.error")
    assert body["value"]["code"] == "BadRequest"
    assert body["value"]["message"]


def test_an_invoke_without_conversation_is_answered_with_an_error(reader: Reader) -> None:
    receipt = reader.read(pressed({"action": "confirm_abc"}, conversation=None), "r1")
    assert not receipt.messages
    assert (receipt.ack.status, json.loads(receipt.ack.body)["statusCode"]) == (400, 400)


@pytest.mark.parametrize(
    "name",
    [
        "task/fetch",
        "task/submit",
        "signin/verifyState",
        "signin/tokenExchange",
        "fileConsent/invoke",
        "message/submitAction",
        "composeExtension/query",
        "config/fetch",
        "handoff/action",
        "adaptivecard/action",
        "",
        None,
        7,
    ],
)
def test_an_unknown_invoke_is_not_implemented(reader: Reader, name: Any) -> None:
    receipt = reader.read(pressed({"action": "confirm_abc"}, name=name), "r1")
    assert not receipt.messages
    assert receipt.ack == Response(501, b"", "text/plain")


# --- senders that are no person --------------------------------------------------------------

NO_PERSONS: list[Any] = [
    pytest.param(BOT, id="ourselves"),
    pytest.param({**BOT, "aadObjectId": ALICE}, id="ourselves with an object id"),
    pytest.param({"id": "28:other", "aadObjectId": ALICE}, id="another bot"),
    pytest.param({"id": "29:1", "aadObjectId": ALICE, "role": "bot"}, id="a bot by its role"),
    pytest.param({"id": "29:1", "aadObjectId": ALICE, "role": "skill"}, id="a skill"),
    pytest.param({"id": "29:1", "name": "Alice Example"}, id="no object id"),
    pytest.param({"id": "29:1", "aadObjectId": ""}, id="an empty object id"),
    pytest.param({"id": "29:1", "aadObjectId": [ALICE]}, id="a list of object ids"),
    pytest.param({}, id="an empty sender"),
    pytest.param(None, id="no sender"),
    pytest.param("29:1alice", id="a sender that is text"),
]


@pytest.mark.parametrize("who", NO_PERSONS)
def test_a_message_without_a_person_is_acknowledged(reader: Reader, who: Any) -> None:
    assert reader.read(activity(**{"from": who}), "r1") == IGNORED


@pytest.mark.parametrize("who", NO_PERSONS)
def test_a_click_without_a_person_is_refused(reader: Reader, who: Any) -> None:
    receipt = reader.read(pressed({"action": "confirm_abc"}, **{"from": who}), "r1")
    assert not receipt.messages
    assert receipt.ack.status == 400


def test_the_bot_is_recognised_by_the_id_of_the_recipient(reader: Reader) -> None:
    me = {"id": "bot-1", "name": "SmartOps", "aadObjectId": ALICE}
    assert reader.read(activity(recipient=me, **{"from": me}), "r1") == IGNORED


# --- other types -----------------------------------------------------------------------------

EVENTS: list[Any] = [
    pytest.param({"type": "conversationUpdate", "membersAdded": [BOT]}, id="bot added"),
    pytest.param({"type": "conversationUpdate", "membersRemoved": [BOT]}, id="bot removed"),
    pytest.param(
        {"type": "conversationUpdate", "channelData": {"eventType": "channelRenamed"}},
        id="channel renamed",
    ),
    pytest.param({"type": "installationUpdate", "action": "add"}, id="installed"),
    pytest.param({"type": "installationUpdate", "action": "remove"}, id="removed"),
    pytest.param({"type": "messageReaction", "reactionsAdded": [{"type": "like"}]}, id="reaction"),
    pytest.param(
        {"type": "messageUpdate", "channelData": {"eventType": "editMessage"}}, id="edited"
    ),
    pytest.param(
        {"type": "messageUpdate", "channelData": {"eventType": "undeleteMessage"}}, id="undeleted"
    ),
    pytest.param(
        {"type": "messageDelete", "channelData": {"eventType": "softDeleteMessage"}}, id="deleted"
    ),
    pytest.param({"type": "typing"}, id="typing"),
    pytest.param(
        {"type": "event", "name": "application/vnd.microsoft.readReceipt"}, id="read receipt"
    ),
    pytest.param({"type": "endOfConversation"}, id="end"),
    pytest.param({"type": "somethingNew", "data": [1, 2]}, id="unknown type"),
    pytest.param({"type": "Message"}, id="message in capitals is no message"),
]


@pytest.mark.parametrize("changes", EVENTS)
def test_events_are_acknowledged_and_run_nothing(reader: Reader, changes: dict[str, Any]) -> None:
    assert reader.read(activity(**changes), "r1") == IGNORED
    receipt = reader.read(activity(**changes, deliveryMode="expectReplies"), "r1")
    assert not receipt.messages
    assert json.loads(receipt.ack.body) == {"activities": []}


def test_an_activity_without_id_is_still_read(reader: Reader) -> None:
    assert one(reader.read(activity(id=None), "r1")).id == ""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(activity(type=None), id="no type"),
        pytest.param(activity(type=""), id="empty type"),
        pytest.param(activity(type=["message"]), id="type is a list"),
        pytest.param(activity(conversation=None), id="no conversation"),
        pytest.param(activity(conversation={"tenantId": TENANT}), id="conversation without id"),
        pytest.param(activity(conversation={"id": 5, "tenantId": TENANT}), id="id is a number"),
    ],
)
def test_a_malformed_activity_is_refused(reader: Reader, sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        reader.read(sent, "r1")
