"""Calls to Slack: retries, errors and rate limits."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from slack_payloads import APP_TOKEN, BOT_TOKEN, CHANNEL, Slack
from smartops import BackendUnavailable, DeadlineExceeded, Secret, Services
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
async def api(configured: Any, slack: Slack, services: Services) -> AsyncIterator[SlackApi]:
    config = configured(api_url=slack.api_url, app_token=Secret(APP_TOKEN))
    async with aclosing(SlackApi(config, services)) as api:
        yield api


async def post(api: SlackApi, channel: str = CHANNEL) -> Any:
    return await api.call("chat.postMessage", channel=channel, **HELLO)


async def test_a_call_carries_the_token_and_its_arguments(api: SlackApi, slack: Slack):
    answer = await post(api)
    (call,) = slack.calls
    assert call.token == BOT_TOKEN
    assert call.arguments == {"channel": CHANNEL, **HELLO}
    assert answer["ts"] in {ts for _, ts in slack.messages}


async def test_a_short_retry_after_is_waited(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after=7)
    slack.fail(retry_after=3)
    await post(api)
    first, second, third = slack.calls
    assert second.at - first.at >= 7
    assert third.at - second.at >= 3
    assert len(slack.messages) == 1


async def test_a_long_retry_after_is_left_to_the_caller(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after=60)
    with pytest.raises(BackendUnavailable) as refused:
        await post(api)
    assert refused.value.retry_after == 60
    assert len(slack.calls) == 1


async def test_an_unreadable_retry_after_is_a_pause(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after="soon")
    await post(api)
    first, second = slack.calls
    assert second.at > first.at


async def test_retries_are_limited(api: SlackApi, slack: Slack) -> None:
    slack.fail(retry_after=1, times=10)
    with pytest.raises(BackendUnavailable):
        await post(api)
    assert len(slack.calls) == 3


def odd(status: int, text: str = "<html>", kind: str = "text/html") -> dict[str, Any]:
    return {"status": status, "body": text, "content_type": kind}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="connection lost"),
        pytest.param(odd(500), id="500"),
        pytest.param(odd(504, "{", "application/json"), id="broken JSON, 504"),
        pytest.param(odd(200, "{", "application/json"), id="broken JSON"),
        pytest.param(odd(200, "ok", "text/plain"), id="text"),
        pytest.param(odd(200, "[]", "application/json"), id="a list"),
        pytest.param(odd(200), id="a page"),
        pytest.param({**odd(307), "headers": {"Location": "/api/chat.postMessage"}}, id="redirect"),
        pytest.param({"error": "fatal_error"}, id="fatal_error"),
        pytest.param({"error": "internal_error"}, id="internal_error"),
        pytest.param(odd(200, '{"ok": false}', "application/json"), id="no reason"),
    ],
)
async def test_only_idempotent_calls_may_be_retried_when_their_effect_is_unknown(
    api: SlackApi, slack: Slack, answer: Any
) -> None:
    slack.fail(**answer)
    with pytest.raises(DeadlineExceeded):
        await post(api)
    assert len(slack.calls) == 1
    slack.fail(**answer)
    with pytest.raises(BackendUnavailable):
        await api.call("chat.update", channel=CHANNEL, ts="1.2", text="x", blocks=HELLO["blocks"])


@pytest.mark.parametrize("error", ["service_unavailable", "message_limit_exceeded"])
async def test_a_temporary_error_may_be_retried(api: SlackApi, slack: Slack, error: str):
    slack.fail(error)
    with pytest.raises(BackendUnavailable):
        await post(api)


@pytest.mark.parametrize("error", ["channel_not_found", "invalid_blocks", "new_one"])
async def test_other_errors_are_final(api: SlackApi, slack: Slack, error: str) -> None:
    slack.fail(error)
    with pytest.raises(Declined, match=error) as refused:
        await post(api)
    assert refused.value.error == error
    slack.fail(**odd(403))
    with pytest.raises(Declined, match="status 403"):
        await post(api)


async def test_a_missing_scope_is_named(api: SlackApi, slack: Slack) -> None:
    slack.fail(body='{"ok": false, "error": "missing_scope", "needed": "chat:write"}')
    with pytest.raises(Declined, match=r"missing_scope \(chat:write is needed\)"):
        await api.call("views.open", trigger_id="1", view={})


async def test_a_refused_connection_may_be_retried(
    configured: Any, services: Services, slack: Slack
) -> None:
    config = configured(api_url="http://127.0.0.1:9/api/")
    async with aclosing(SlackApi(config, services)) as api:
        with pytest.raises(BackendUnavailable):
            await post(api)
        with pytest.raises(BackendUnavailable):
            await api.respond("http://127.0.0.1:9/respond/1", {"text": "x"})


async def test_only_slacks_urls_are_called_and_without_the_token(
    api: SlackApi, slack: Slack
) -> None:
    await api.respond(slack.response_url(), HELLO)
    assert slack.responses == [HELLO]
    assert slack.calls[-1].token == ""
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
async def test_errors_of_response_urls(
    api: SlackApi, slack: Slack, answer: Any, kind: type[Exception], word: str
) -> None:
    slack.fail(**answer)
    with pytest.raises(kind, match=word):
        await api.respond(slack.response_url(), HELLO)
    assert slack.responses == []


async def test_a_lost_upload_may_be_retried(api: SlackApi, slack: Slack) -> None:
    slack.fail()
    with pytest.raises(BackendUnavailable):
        await api.upload(f"{slack.url}/upload/F1", b"x")


async def test_each_channel_gets_one_message_a_second(api: SlackApi, slack: Slack) -> None:
    await post(api)
    await post(api, slack.channel("dev").id)
    for _ in range(3):
        await post(api)
    first, other, *more = [call.at for call in slack.calls]
    assert first == other
    assert [later - sooner for sooner, later in itertools.pairwise([first, *more])] == [1.0] * 3


@pytest.mark.parametrize("method", sorted(PER_MINUTE))
async def test_no_minute_has_more_calls_than_slack_allows(method: str, clock: ManualClock) -> None:
    pace = Pacing(clock)
    limit, burst = PER_MINUTE[method]
    moments = []
    for number in range(3 * limit):
        await pace.turn(method, f"C{number}")
        moments.append(clock.time())
    assert moments[burst - 1] == pytest.approx(moments[0])
    assert all(
        later - sooner >= 60 - 1e-3 for sooner, later in zip(moments, moments[limit:], strict=False)
    )


async def test_errors_and_logs_contain_no_secret(api: SlackApi, slack: Slack, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    slack.fail("invalid_auth")
    with pytest.raises(Declined) as refused:
        await post(api)
    slack.fail(**odd(500))
    with pytest.raises(DeadlineExceeded) as lost:
        await api.respond(slack.response_url("very-secret"), HELLO)
    texts = caplog.text + json.dumps([str(item.value) for item in (refused, lost)])
    assert BOT_TOKEN not in texts
    assert HELLO["text"] not in texts
    assert "very-secret" not in texts
