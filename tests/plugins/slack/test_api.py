"""Calls to Slack: what is tried again, what never is, and how fast."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from slack_acts import APP_TOKEN, BOT_TOKEN, CHANNEL, Slack
from smartops import BackendUnavailable, DeadlineExceeded, Secret
from smartops.testing import ManualClock
from smartops_slack.api import SlackApi
from smartops_slack.failures import Declined
from smartops_slack.pacing import PER_MINUTE, Pacing

pytestmark = pytest.mark.anyio

HELLO = {
    "text": "hello",
    "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "hello"}}],
    "unfurl_links": False,
    "unfurl_media": False,
}


@pytest.fixture
async def api(configured: Any, slack: Slack, clock: ManualClock) -> AsyncIterator[SlackApi]:
    config = configured(api_url=slack.api_url, app_token=Secret(APP_TOKEN))
    api = SlackApi(config, clock)
    yield api
    await api.aclose()


async def post(api: SlackApi, channel: str = CHANNEL) -> Any:
    return await api.call("chat.postMessage", channel=channel, **HELLO)


async def test_a_call_carries_the_token_and_its_arguments(api: SlackApi, slack: Slack):
    answer = await post(api)
    (call,) = slack.calls
    assert call.token == BOT_TOKEN
    assert call.arguments == {"channel": CHANNEL, **HELLO}
    assert answer["ts"] in {ts for _, ts in slack.messages}


async def test_slack_asks_for_a_pause_and_gets_it(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after=7)
    slack.fail(retry_after=3)
    await post(api)
    first, second, third = slack.calls
    assert second.at - first.at >= 7
    assert third.at - second.at >= 3
    assert len(slack.messages) == 1


@pytest.mark.parametrize("asked", [60, 3600])
async def test_a_long_pause_is_left_to_who_called(api: SlackApi, slack: Slack, asked: int) -> None:
    slack.fail(retry_after=asked)
    with pytest.raises(BackendUnavailable) as refused:
        await post(api)
    assert refused.value.retry_after == asked
    assert len(slack.calls) == 1


@pytest.mark.parametrize("header", ["soon", "", "-5", "1.5"])
async def test_a_strange_pause_is_a_pause(api: SlackApi, slack: Slack, header: str) -> None:
    slack.fail(retry_after=header)
    await post(api)
    first, second = slack.calls
    assert second.at > first.at


async def test_endless_refusals_end(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after=1, times=10)
    with pytest.raises(BackendUnavailable):
        await post(api)
    assert len(slack.calls) == 3


def odd(status: int, text: str = "<html>", kind: str = "text/html") -> dict[str, Any]:
    return {"status": status, "body": text, "content_type": kind}


UNCERTAIN = [
    pytest.param({}, id="connection lost"),
    pytest.param(odd(500), id="500"),
    pytest.param(odd(503), id="503"),
    pytest.param(odd(504, "{", "application/json"), id="broken JSON, 504"),
    pytest.param(odd(200, "{", "application/json"), id="broken JSON"),
    pytest.param(odd(200, "ok", "text/plain"), id="text"),
    pytest.param(odd(200, "[]", "application/json"), id="a list"),
    pytest.param(odd(200), id="a page"),
    pytest.param({"error": "fatal_error"}, id="fatal_error"),
    pytest.param({"error": "internal_error"}, id="internal_error"),
    pytest.param(odd(200, '{"ok": false}', "application/json"), id="no reason"),
]


@pytest.mark.parametrize("answer", UNCERTAIN)
async def test_what_may_have_been_posted_is_not_posted_again(
    api: SlackApi, slack: Slack, answer: Any
) -> None:
    slack.fail(**answer)
    with pytest.raises(DeadlineExceeded) as refused:
        await post(api)
    assert not isinstance(refused.value, BackendUnavailable)
    assert len(slack.calls) == 1


@pytest.mark.parametrize("answer", UNCERTAIN)
async def test_what_may_have_been_edited_may_be_edited_again(
    api: SlackApi, slack: Slack, answer: Any
) -> None:
    slack.fail(**answer)
    with pytest.raises(BackendUnavailable):
        await api.call("chat.update", channel=CHANNEL, ts="1.2", text="x", blocks=HELLO["blocks"])


@pytest.mark.parametrize("error", ["service_unavailable", "message_limit_exceeded"])
async def test_what_did_not_happen_may_later(api: SlackApi, slack: Slack, error: str):
    slack.fail(error)
    with pytest.raises(BackendUnavailable):
        await post(api)


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "new_one"]
)
async def test_a_no_is_final(api: SlackApi, slack: Slack, error: str) -> None:
    slack.fail(error)
    with pytest.raises(Declined) as refused:
        await post(api)
    assert refused.value.error == error
    assert error in str(refused.value)
    assert not isinstance(refused.value, BackendUnavailable)


async def test_a_missing_scope_is_named(api: SlackApi, slack: Slack) -> None:
    slack.fail(body='{"ok": false, "error": "missing_scope", "needed": "chat:write"}')
    with pytest.raises(Declined, match=r"missing_scope \(chat:write is needed\)"):
        await api.call("views.open", trigger_id="1", view={})


async def test_a_page_that_says_no_is_a_no(api: SlackApi, slack: Slack) -> None:
    slack.fail(**odd(403))
    with pytest.raises(Declined, match="status 403"):
        await post(api)


async def test_nobody_there_can_be_tried_again(configured: Any, clock: ManualClock) -> None:
    api = SlackApi(configured(api_url="http://127.0.0.1:9/api/"), clock)
    with pytest.raises(BackendUnavailable):
        await post(api)
    with pytest.raises(BackendUnavailable):
        await api.respond("http://127.0.0.1:9/respond/1", {"text": "x"})
    await api.aclose()


async def test_response_urls_get_no_token_and_only_slacks_are_called(
    api: SlackApi, slack: Slack
) -> None:
    await api.respond(slack.response_url(), HELLO)
    assert slack.responses == [HELLO]
    with pytest.raises(Declined):
        await api.respond("http://127.0.0.1:1/elsewhere", HELLO)
    with pytest.raises(Declined):
        await api.upload("http://127.0.0.1:1/elsewhere", b"x")


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (odd(404, '{"ok":false,"error":"expired_url"}', "application/json"), Declined, "expired"),
        (odd(404, "used_url", "text/plain"), Declined, "used_url"),
        (odd(200, '{"ok": false, "error": "no_text"}', "application/json"), Declined, "no_text"),
        (odd(400, "<b>bad</b>"), Declined, "status 400"),
        (odd(404, "{", "application/json"), Declined, "status 404"),
        (odd(500), DeadlineExceeded, "did not say"),
        ({"retry_after": 20}, BackendUnavailable, "no more for now"),
        ({**odd(302), "headers": {"Location": "/respond/2"}}, Declined, "status 302"),
    ],
)
async def test_response_urls_say_no_in_their_own_ways(
    api: SlackApi, slack: Slack, answer: Any, kind: type[Exception], word: str
) -> None:
    slack.fail(**answer)
    with pytest.raises(kind, match=word):
        await api.respond(slack.response_url(), HELLO)
    assert slack.responses == []


async def test_a_lost_upload_may_be_sent_again(api: SlackApi, slack: Slack) -> None:
    slack.fail()
    with pytest.raises(BackendUnavailable):
        await api.upload(f"{slack.url}/upload/F1", b"x")


async def test_a_closed_connection_is_opened_again(api: SlackApi, slack: Slack) -> None:
    await post(api)
    await api.aclose()
    await post(api)
    assert len(slack.messages) == 2


async def test_no_proxy_is_taken_from_the_environment(
    configured: Any, slack: Slack, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    api = SlackApi(configured(api_url=slack.api_url), clock)
    await post(api)
    await api.aclose()
    assert len(slack.messages) == 1


async def test_one_channel_gets_one_message_a_second(api: SlackApi, slack: Slack) -> None:
    for _ in range(4):
        await post(api)
    moments = [call.at for call in slack.calls]
    assert [later - sooner for sooner, later in itertools.pairwise(moments)] == [1.0] * 3


async def test_another_channel_does_not_wait(api: SlackApi, slack: Slack) -> None:
    await post(api)
    await post(api, slack.channel("dev").id)
    first, second = slack.calls
    assert first.at == second.at


@pytest.mark.parametrize("method", sorted(PER_MINUTE))
async def test_no_minute_sees_more_calls_than_slack_allows(method: str, clock: ManualClock) -> None:
    pace = Pacing(clock)
    moments = []
    for number in range(3 * PER_MINUTE[method][0]):
        await pace.turn(method, f"C{number}")
        moments.append(clock.time())
    limit, burst = PER_MINUTE[method]
    assert moments[burst - 1] == pytest.approx(moments[0])
    for begin, moment in enumerate(moments):
        within = [later for later in moments[begin:] if later < moment + 60 - 1e-3]
        assert len(within) <= limit


async def test_waiting_calls_go_in_the_order_they_came() -> None:
    clock = ManualClock()
    pace = Pacing(clock)
    done: list[int] = []

    async def call(number: int) -> None:
        await pace.turn("chat.postMessage", CHANNEL)
        done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(call, number)
        for expected in range(1, 6):
            await anyio.wait_all_tasks_blocked()
            assert done == list(range(expected))
            clock.advance(1.0)


async def test_pacing_forgets_channels_nobody_writes_to(clock: ManualClock) -> None:
    pace = Pacing(clock)
    for number in range(10_500):
        await pace.turn("chat.postMessage", f"C{number}")
        clock.advance(2)
    assert len(list(pace._channels)) <= 10_001


async def test_secrets_stand_in_no_error(api: SlackApi, slack: Slack, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    slack.fail("invalid_auth")
    with pytest.raises(Declined) as refused:
        await post(api)
    slack.fail(**odd(500))
    with pytest.raises(DeadlineExceeded) as lost:
        await api.respond(slack.response_url("very-secret"), HELLO)
    said = caplog.text + json.dumps([str(item.value) for item in (refused, lost)])
    assert BOT_TOKEN not in said
    assert HELLO["text"] not in said
    assert "very-secret" not in said
