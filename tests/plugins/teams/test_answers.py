"""Answers in responses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adaptive import loaded, shown
from smartops import (
    Action,
    BackendUnavailable,
    Message,
    PermissionDenied,
    RateLimited,
    Refusal,
    Reply,
    Text,
)
from smartops.channels import ApprovalInvalid, Response
from smartops.testing import ManualClock
from smartops_teams import TeamsChannel
from smartops_teams.reading import Reader
from teams_activities import APP_ID, BOT, PERSON, SERVICE_URL, activity, in_channel, pressed

pytestmark = pytest.mark.anyio

REFUSALS = [
    RateLimited("Too many requests", details="Rate limit: 10 requests per minute", retry_after=9),
    PermissionDenied("You may not run: stop web", details="no rule allows it"),
]


@pytest.fixture
def read(clock: ManualClock) -> Any:
    reader = Reader(APP_ID, clock, sends=True)

    def one(sent: dict[str, Any]) -> Message:
        (message,) = reader.read(sent, "r1").messages
        return message

    return one


def lines(error: Refusal) -> list[str | None]:
    again = [f"Try again in {error.retry_after} seconds."] if error.retry_after else []
    return [error.message, error.details, *again]


def body(response: Response) -> Any:
    assert response.status == 200
    assert response.content_type == "application/json"
    return json.loads(response.body)


async def test_expected_replies_are_activities(channel: TeamsChannel, read: Any) -> None:
    sent = in_channel("list instances", deliveryMode="expectReplies")
    message = read(sent)
    reply = Reply.of(Text("2 instances", style="title"), "web-1, web-2")
    (answer,) = body(channel.respond([message], [reply]))["activities"]
    (attachment,) = answer.pop("attachments")
    assert answer == {
        "type": "message",
        "channelId": "msteams",
        "serviceUrl": SERVICE_URL,
        "conversation": {"id": sent["conversation"]["id"]},
        "from": BOT,
        "recipient": {"id": PERSON["id"], "name": "Alice Example"},
        "replyToId": sent["id"],
        "summary": "2 instances",
    }
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert shown(loaded(json.dumps(attachment["content"]))) == ["2 instances", "web-1, web-2"]


@pytest.mark.parametrize("error", REFUSALS)
async def test_a_refusal_is_a_card_with_status_200(
    channel: TeamsChannel, read: Any, error: Refusal
) -> None:
    message = read(activity(deliveryMode="expectReplies"))
    (answer,) = body(channel.respond([message], [Reply.refused(error)]))["activities"]
    card = loaded(json.dumps(answer["attachments"][0]["content"]))
    assert shown(card) == lines(error)


async def test_a_pressed_button_replaces_the_card(channel: TeamsChannel, read: Any) -> None:
    message = read(pressed({"action": "confirm_abc"}))
    answer = body(channel.respond([message], [Reply.of("web-server-01 is stopping.")]))
    assert (answer["statusCode"], answer["type"]) == (
        200,
        "application/vnd.microsoft.card.adaptive",
    )
    assert shown(loaded(json.dumps(answer["value"]))) == ["web-server-01 is stopping."]


@pytest.mark.parametrize("error", REFUSALS)
@pytest.mark.parametrize("stored", [False, True])
async def test_a_private_refusal_is_displayed_beside_the_card(
    channel: TeamsChannel, read: Any, error: Refusal, stored: bool
) -> None:
    message = read(pressed({"action": "confirm_abc"}))
    reply = Reply.refused(error)
    if stored:  # as for a redelivered invoke
        reply = Reply.load(reply.dump())
    answer = body(channel.respond([message], [reply]))
    assert answer == {
        "statusCode": 200,
        "type": "application/vnd.microsoft.activity.message",
        "value": "\n\n".join(map(str, lines(error))),
    }


async def test_an_expired_confirmation_replaces_the_card(channel: TeamsChannel, read: Any) -> None:
    message = read(pressed({"action": "confirm_abc"}))
    refused = Reply.refused(ApprovalInvalid("This confirmation has expired"))
    reply = replace(refused, private=False)
    answer = body(channel.respond([message], [reply]))
    assert shown(loaded(json.dumps(answer["value"]))) == ["This confirmation has expired"]


async def test_the_buttons_of_a_card_are_read_back(channel: TeamsChannel, read: Any) -> None:
    buttons = [
        Action("confirm", "Yes", "confirm_abc"),
        Action("cancel", "No", "cancel_abc"),
        Action("command", "Details", 'show "web server" --all'),
    ]
    message = read(activity(deliveryMode="expectReplies"))
    answer = body(channel.respond([message], [Reply.of("Sure?", actions=buttons)]))
    card = answer["activities"][0]["attachments"][0]["content"]
    for button, made in zip(buttons, card["actions"], strict=True):
        for sent in (
            pressed(made["data"]),
            activity(text=None, value=made["fallback"]["data"]),
        ):
            back = read(sent)
            assert button.value == (back.text if button.type == "command" else back.action)


async def test_without_a_connector_sending_is_refused(channel: TeamsChannel, read: Any) -> None:
    with pytest.raises(Refusal) as refusal:
        await channel.send(read(activity()), Reply.of("Done."))
    assert not isinstance(refusal.value, BackendUnavailable)  # which would be tried again
    assert refusal.value.message == "teams: the outbound connector is not configured"
    assert "r1" in str(refusal.value.details)
