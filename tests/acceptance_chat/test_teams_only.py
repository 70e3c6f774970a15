"""Features of Teams only: old clients, private chats, the welcome, and answers that are retried."""

from __future__ import annotations

import re

import anyio
import pytest

from chat_deployment import Deployment
from smartops_simulators.teams import TeamsSimulator as Teams

pytestmark = pytest.mark.anyio
CHANGE = "reboot web-server-01"


@pytest.fixture
async def teams(deployment: Deployment) -> Teams:
    return deployment.teams


async def test_an_old_client_confirms_with_a_message(deployment: Deployment, teams: Teams) -> None:
    platform = deployment.platforms["teams"]
    await platform.says(CHANGE)
    asked = await platform.asked()
    await teams.clicks(asked, "confirm", user="bob", old_client=True)
    await deployment.until(lambda: "Only alice can confirm this" in platform.private("bob"))
    assert deployment.changes == []
    await teams.clicks(asked, "confirm", old_client=True)
    await deployment.until(lambda: "Rebooting web-server-01" in asked.text)
    assert len(deployment.changes) == len(platform.answers()) == 1


async def test_an_old_client_submits_a_form(deployment: Deployment, teams: Teams) -> None:
    await teams.says("reboot")
    form = await deployment.platforms["teams"].asked("with alice")
    await teams.clicks(form, "form", inputs={"targets": "web-server-01"}, old_client=True)
    await deployment.platforms["teams"].says_at_last("Confirmation required", "with alice")


async def test_a_form_becomes_its_answer_which_is_retried(
    deployment: Deployment, teams: Teams
) -> None:
    await teams.says("reboot", conversation="ops")
    form = await deployment.platforms["teams"].asked()
    assert form.buttons == ["Continue", "Cancel"]
    with pytest.raises(ValueError, match="needed"):
        await teams.clicks(form, "Continue")
    teams.fail(status=503, method="PUT", retry_after=120)
    answer = await teams.clicks(form, "Continue", inputs={"targets": "web-server-01"})
    assert "Confirmation required" in answer.text
    await deployment.until(lambda: teams.rejected)
    await deployment.until(lambda: "Confirmation required" in form.text, step=1)
    assert len(teams.conversation("ops").answers) == 1


async def test_a_refusal_goes_to_the_chat_or_else_to_the_thread(
    deployment: Deployment, teams: Teams
) -> None:
    sent = await teams.says(CHANGE, conversation="ops", user="mallory")
    refused = await teams.shown("with mallory")
    assert teams.user("mallory").identity in refused.text
    line = await teams.shown("ops")
    assert (line.text, line.thread) == ("Mallory: answered in our chat", sent.id)
    teams.unreachable.add("eve")  # who has no chat with the bot
    await teams.says(CHANGE, conversation="ops", user="eve", thread=sent)
    assert "does not know you" in (await teams.shown("ops", count=2)).text
    assert [call.status for call in teams.rejected] == [403]


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
async def test_an_answer_waits_for_a_valid_secret(
    deployment: Deployment, teams: Teams, caplog: pytest.LogCaptureFixture, restarts: bool
) -> None:
    right, teams.login.secret = teams.login.secret, "another"
    await teams.says(CHANGE, conversation="ops")
    with anyio.fail_after(10):
        while "trying again" not in caplog.text:
            await anyio.sleep(0.002)
    assert "client_secret is wrong" in caplog.text
    teams.login.secret = right
    if restarts:
        await deployment.restart()
        await deployment.passes(600)
    await deployment.until(lambda: teams.conversation("ops").answers, step=0.5)
    assert "Confirmation required" in teams.conversation("ops").answers[0].text
    await deployment.passes(60)
    assert len(teams.conversation("ops").answers) == 1


async def test_a_long_answer_to_a_button_continues_after_a_failure(
    deployment: Deployment, teams: Teams
) -> None:
    platform = deployment.platforms["teams"]
    await teams.says('excute "seq 10000" on web-server-01')
    suggestion = await platform.asked("with alice")
    teams.fail(status=503, method="POST", retry_after=120, after=2)
    await teams.clicks(suggestion, 'execute "seq 10000" on web-server-01')
    await deployment.until(lambda: teams.rejected)
    await deployment.until(lambda: "\n10000" in platform.whole("with alice"), step=0.5)
    numbers = re.findall(r"^\d+$", platform.whole("with alice"), re.MULTILINE)
    assert sorted(map(int, numbers)) == list(range(1, 10001))


async def test_a_new_conversation_is_welcomed_once(deployment: Deployment, teams: Teams) -> None:
    await teams.install("with alice")
    welcome = await teams.shown("with alice")
    assert "SmartOps is here" in welcome.text
    assert welcome.buttons == ["Show commands"]
    await teams.clicks(welcome, "Show commands")
    await deployment.platforms["teams"].says_at_last("list instances", "with alice")


async def test_a_refused_welcome_is_logged(
    deployment: Deployment, teams: Teams, caplog: pytest.LogCaptureFixture
) -> None:
    teams.fail(status=403, error="MessageWritesBlocked")
    await teams.install("with alice")
    await deployment.until(lambda: "was not welcomed" in caplog.text)
