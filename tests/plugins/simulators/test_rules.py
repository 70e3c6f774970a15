"""The simulators refuse what the platforms refuse, and send again as they do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anyio
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from smartops.testing import ManualClock
from smartops_simulators.slack import SlackSimulator
from smartops_simulators.slack.service import BOT_TOKEN
from smartops_simulators.teams import TeamsSimulator
from smartops_simulators.teams.limits import faults_of, faults_of_card

pytestmark = pytest.mark.anyio

PLAIN = {"type": "plain_text", "text": "Yes"}
BUTTON = {"type": "button", "action_id": "a.confirm.0", "text": PLAIN, "value": "token"}
SECTION = {"type": "section", "text": {**PLAIN, "text": "x" * 3000}}
CARD = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "x"}]}
FRAME = {"type": "message", "from": {"id": "28:x"}, "conversation": {"id": "c"}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def slack(clock: ManualClock) -> AsyncIterator[SlackSimulator]:
    async with SlackSimulator.start(clock=clock) as slack:
        yield slack
        slack.breaches.clear()  # the tests here are about them


@pytest.fixture
async def sdk(slack: SlackSimulator) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(BOT_TOKEN, base_url=f"{slack.url}/api/", session=session)


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as error:
        await call
    return str(error.value.response["error"])


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([{"type": "sparkles"}], "is no block"),
        ([{"type": "divider"}] * 51, "51 blocks"),
        ([{"type": "header", "text": {**PLAIN, "text": "x" * 151}}], "150"),
        ([{"type": "actions", "elements": [BUTTON, BUTTON]}], "one action_id"),
        ([{"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}], "2000"),
        ([{"type": "divider", "colour": "red"}], "colour"),
        ([SECTION] * 5, "13,000"),
    ],
)
async def test_blocks_that_slack_refuses_are_breaches(
    slack: SlackSimulator, sdk: AsyncWebClient, blocks: Any, words: str
) -> None:
    posting = sdk.chat_postMessage(channel=slack.channel("ops").id, text="x", blocks=blocks)
    assert await refused(posting) in ("invalid_blocks", "msg_blocks_too_long")
    (breach,) = slack.breaches
    assert words in breach
    assert slack.channel("ops").messages == []


async def test_slack_takes_one_message_a_second(
    slack: SlackSimulator, sdk: AsyncWebClient, clock: ManualClock
) -> None:
    ops = slack.channel("ops").id
    for _ in range(3):  # a short burst
        await sdk.chat_postMessage(channel=ops, text="one")
    assert await refused(sdk.chat_postMessage(channel=ops, text="two")) == "ratelimited"
    clock.advance(1)
    await sdk.chat_postMessage(channel=ops, text="two")
    slack.fail(method="auth.test", retry_after=30)
    assert await refused(sdk.auth_test()) == "ratelimited"
    clock.advance(2)
    await sdk.auth_test()
    assert slack.breaches == ["auth.test: called again before Retry-After was over"]


@pytest.mark.parametrize(
    ("activity", "fault"),
    [
        ({"text": "x"}, "from is missing"),
        (FRAME, "the message is empty"),
        ({**FRAME, "text": "x", "replyToId": ""}, "replyToId names nothing"),
    ],
)
def test_messages_that_teams_refuses(activity: dict[str, Any], fault: str) -> None:
    assert any(fault in found for found in faults_of(activity))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"type": "Card"}, "no AdaptiveCard"),
        ({"version": "1.6"}, "version 1.6"),
        ({"body": []}, "is empty"),
        ({"body": [{"type": "Input.Text", "id": "a"}] * 2}, "one id"),
        ({"actions": [{"type": "Action.Execute", "title": "x"}]}, "nothing in old clients"),
    ],
)
def test_cards_that_teams_refuses(changes: dict[str, Any], fault: str) -> None:
    assert faults_of_card(CARD) == []
    assert any(fault in found for found in faults_of_card({**CARD, **changes}))


async def test_a_breach_fails_the_test_that_committed_it() -> None:
    async def careless() -> None:
        async with TeamsSimulator.start() as teams, aiohttp.ClientSession() as session:
            url = f"{teams.url}/v3/conversations/19:x@y/activities"
            async with session.post(url) as answer:
                assert answer.status == 401

    with pytest.raises(AssertionError, match="not percent-encoded"):
        await careless()


async def test_slack_sends_an_event_four_times(slack: SlackSimulator, clock: ManualClock) -> None:
    slack.bot = "http://127.0.0.1:9/"
    began = clock.time()
    with anyio.fail_after(20):
        async with clock.running(5):
            await slack.says("hello")
    assert slack.attempts == 4
    assert clock.time() - began >= 360


async def test_teams_sends_an_activity_three_times_and_then_with_a_new_id() -> None:
    clock = ManualClock()
    async with TeamsSimulator.start(clock=clock) as teams:
        teams.bot = "http://127.0.0.1:9/"
        began = clock.time()
        async with clock.running(2):
            await teams.says("help")
        first, second, third, fourth = teams.posted
        assert first == second == third != fourth
        assert clock.time() - began >= 60
