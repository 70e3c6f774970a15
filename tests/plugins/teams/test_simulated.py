"""The whole path over HTTP, where Teams differs from Slack; acceptance_chat has the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from teams_deployment import Deployment, deployed, line, time_lapse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path) as deployment:
        yield deployment
        assert not [call for call in deployment.teams.rejected if call.status != 404]


async def test_another_persons_click_in_an_old_client_is_answered_in_the_chat(
    deployment: Deployment,
) -> None:
    teams = deployment.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    await teams.clicks(asked, "confirm", user="bob", old_client=True)
    told = await teams.shown("with bob")
    assert "Only alice can confirm this" in told.text
    assert len(teams.conversation("ops").answers) == 1
    assert deployment.lamps.switched == []


async def test_an_old_client_confirms_with_a_message(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    await teams.clicks(asked, "confirm", old_client=True)
    await teams.until(lambda: asked.edits == 1)
    assert "kitchen is on." in asked.text
    assert deployment.lamps.switched == ["kitchen"]
    assert len(teams.conversation("ops").answers) == 1


async def test_an_invoke_is_answered_before_its_timeout(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.05)
    teams = deployment.teams
    await teams.says("blink hall", conversation="ops")
    asked = await teams.shown("ops")
    answer = await teams.clicks(asked, "confirm")
    assert "Working on it" in answer.text
    deployment.lamps.proceed.set()
    await teams.until(lambda: "hall has blinked." in asked.text)
    await deployment.settled()
    assert deployment.lamps.switched == ["hall"]
    assert asked.buttons == []
    assert len(teams.conversation("ops").answers) == 1


async def test_a_form_becomes_its_answer(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("paint hall", conversation="ops")
    form = await teams.shown("ops")
    assert form.buttons == ["Continue", "Cancel"]
    with pytest.raises(ValueError, match="Colour is needed"):
        await teams.clicks(form, "Continue")
    answer = await teams.clicks(form, "Continue", inputs={"colour": "blue"})
    assert "hall is blue in 1 layers." in answer.text
    await teams.until(lambda: form.edits == 1)
    assert "hall is blue in 1 layers." in form.text
    assert form.buttons == []


async def test_the_answer_to_a_form_is_retried(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("paint hall", conversation="ops")
    form = await teams.shown("ops")
    teams.fail(status=503, method="PUT", retry_after=120)
    await teams.clicks(form, "Continue", inputs={"colour": "blue"})
    await teams.until(lambda: bool(teams.rejected))
    async with time_lapse(deployment.clock, 500):
        await teams.until(lambda: form.edits == 1)
    assert "hall is blue in 1 layers." in form.text
    teams.calls.clear()


async def test_an_old_client_submits_a_form(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("paint hall")
    form = await teams.shown("with alice")
    await teams.clicks(form, "form", inputs={"colour": "red"}, old_client=True)
    answer = await teams.shown("with alice", count=2)
    assert "hall is red in 1 layers." in answer.text


async def test_a_missing_argument_can_be_typed(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("paint hall")
    await teams.shown("with alice")
    await teams.says("red")
    answer = await teams.shown("with alice", count=2)
    assert "hall is red in 1 layers." in answer.text


async def test_a_refusal_goes_to_the_chat_or_else_to_the_thread(deployment: Deployment) -> None:
    teams = deployment.teams
    said = await teams.says("switch kitchen", conversation="ops", user="mallory")
    told = await teams.shown("with mallory")
    assert teams.user("mallory").identity in told.text
    line = await teams.shown("ops")
    assert (line.text, line.thread) == ("Mallory: answered in our chat", said.id)
    teams.unreachable.add("eve")  # who has no chat with the bot
    await teams.says("switch kitchen", conversation="ops", user="eve", thread=said)
    assert "does not know you" in (await teams.shown("ops", count=2)).text
    assert [call.status for call in teams.rejected] == [403]
    teams.calls.clear()


async def test_a_message_that_teams_sends_again_is_answered_once(deployment: Deployment) -> None:
    teams = deployment.teams
    bot, teams.bot = teams.bot, "http://127.0.0.1:9/api/messages"
    async with time_lapse(deployment.clock), anyio.create_task_group() as group:
        group.start_soon(teams.says, "switch kitchen")
        await teams.until(lambda: len(teams.posted) == 1)
        teams.bot = bot
    await teams.shown("with alice")
    first, second, *_ = teams.posted
    assert first == second
    assert len(teams.conversation("with alice").answers) == 1


async def test_a_message_is_answered_after_a_restart(deployment: Deployment) -> None:
    teams = deployment.teams
    teams.fail(status=503, times=100, retry_after=120)
    await teams.says("switch kitchen")
    await teams.until(lambda: len(teams.rejected) == 1)
    teams.faults.clear()
    await deployment.stop()
    deployment.clock.advance(600)
    await deployment.start()
    assert "Switch kitchen" in (await teams.shown("with alice")).text
    teams.calls.clear()


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
async def test_an_answer_waits_for_a_valid_secret(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, restarts: bool
) -> None:
    teams = deployment.teams
    right, teams.login.secret = teams.login.secret, "another"
    await teams.says("switch kitchen", conversation="ops")
    with anyio.fail_after(10):
        while "trying again" not in caplog.text:
            await anyio.sleep(0.002)
    assert "client_secret is wrong" in caplog.text
    assert teams.conversation("ops").answers == []
    teams.login.secret = right
    if restarts:
        await deployment.stop()
        deployment.clock.advance(600)
        await deployment.start()
    async with time_lapse(deployment.clock):
        assert "Switch kitchen" in (await teams.shown("ops")).text
    assert len(teams.conversation("ops").answers) == 1


async def test_a_click_is_answered_after_a_restart(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.05)
    teams = deployment.teams
    await teams.says("blink hall", conversation="ops")
    asked = await teams.shown("ops")
    answer = await teams.clicks(asked, "confirm")
    assert "Working on it" in answer.text
    await deployment.stop()
    deployment.lamps.proceed.set()
    await deployment.start()
    async with time_lapse(deployment.clock):
        await teams.until(lambda: "hall has blinked." in asked.text)
    assert asked.buttons == []
    assert deployment.lamps.switched == ["hall"]
    assert len(teams.conversation("ops").answers) == 1


async def test_a_button_can_have_a_long_answer(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("menu", conversation="ops")
    menu = await teams.shown("ops")
    async with time_lapse(deployment.clock):
        assert (await teams.clicks(menu, "Print")).text == "Working on it"
        await teams.until(lambda: "That is all." in _text(deployment, "ops"))
    shown = _text(deployment, "ops").replace("\u00a0", " ").split("\n")
    assert [row for row in shown if row.startswith("line ")] == [line(n) for n in range(1500)]
    assert menu.edits == 0
    assert menu.buttons == ["Print", "Who am I"]


async def test_private_answers_go_to_the_chat(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("menu", conversation="ops")
    menu = await teams.shown("ops")
    await teams.clicks(menu, "Who am I", user="bob")
    assert teams.user("bob").identity in (await teams.shown("with bob")).text
    await teams.says("whoami", conversation="ops")
    assert teams.user("alice").identity in (await teams.shown("with alice")).text
    line = await teams.shown("ops", count=2)
    assert line.text == "Alice: answered in our chat"
    assert teams.conversation("ops").answers == [menu, line]
    assert menu.edits == 0


async def test_a_long_answer_continues_after_a_failure(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.says("print 4000", conversation="ops")
    await teams.shown("ops", count=3)  # the rate limit delays the later ones
    teams.fail(status=503, retry_after=120)
    async with time_lapse(deployment.clock, 200):
        await teams.until(lambda: "That is all." in _text(deployment, "ops"))
    shown = _text(deployment, "ops").replace("\u00a0", " ").split("\n")
    assert [row for row in shown if row.startswith("line ")] == [line(n) for n in range(4000)]
    assert [call.status for call in teams.rejected] == [503]
    teams.calls.clear()


# --- the welcome -----------------------------------------------------------------------------


async def test_a_new_conversation_is_welcomed_once(deployment: Deployment) -> None:
    teams = deployment.teams
    await teams.install("with alice")
    welcome = await teams.shown("with alice")
    assert "SmartOps is here" in welcome.text
    assert welcome.buttons == ["Show commands"]
    await teams.clicks(welcome, "Show commands")
    answer = await teams.shown("with alice", count=2)
    assert "switch" in answer.text


async def test_a_slow_welcome_does_not_delay_another_one(deployment: Deployment) -> None:
    teams = deployment.teams
    teams.fail(status=429, retry_after=60)
    await teams.install("group crew")
    await teams.until(lambda: bool(teams.rejected))
    await teams.install("with alice")
    assert "SmartOps is here" in (await teams.shown("with alice")).text
    assert teams.conversation("group crew").answers == []
    teams.calls.clear()


async def test_a_refused_welcome_is_logged(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.teams.fail(status=403, error="MessageWritesBlocked")
    await deployment.teams.install("with alice")
    await deployment.teams.until(lambda: bool(deployment.teams.rejected))
    await deployment.settled()
    assert "was not welcomed" in caplog.text
    deployment.teams.calls.clear()


def _text(deployment: Deployment, conversation: str) -> str:
    return "\n".join(item.text for item in deployment.teams.conversation(conversation).answers)
