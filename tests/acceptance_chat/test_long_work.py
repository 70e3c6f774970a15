"""Long work has one message, which shows its progress and outcome, also after a restart."""

from __future__ import annotations

import re

import pytest

from chat_deployment import FLEET, Deployment, Platform

pytestmark = pytest.mark.anyio


@pytest.fixture
async def deployment(stopped_deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    deployment = stopped_deployment
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.1)  # real ones
    deployment.plugins = {
        "exec": {
            "scripts": [{"script": "backup"}, {"script": "report", "read_only": True}],
            "max_timeout": "10m",
            "timeout": "5m",
        },
        "fake": {
            "fleet": FLEET,
            "state_file": deployment.folder / "cloud.json",
            "scripts": [
                {"pattern": "backup", "seconds": 90, "output": "all is saved"},
                {"pattern": "report", "seconds": 90, "output": "all is well"},
            ],
        },
    }
    await deployment.start()
    return deployment


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
async def test_progress_and_outcome_replace_the_confirmation(
    deployment: Deployment, platform: Platform, restarts: bool
) -> None:
    await platform.says("execute backup on web-server-01")
    asked = await platform.asked()
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: asked.edits and not asked.buttons)
    assert "all is saved" not in asked.text
    await deployment.until(lambda: "Running the script" in asked.text)
    await deployment.passes(30)
    if restarts:
        await deployment.restart()
    await deployment.until(lambda: "all is saved" in asked.text, step=0.5)
    await deployment.passes(10)
    assert "exit code 0" in asked.text
    assert [change["what"] for change in deployment.changes] == ["send"]
    assert len(platform.answers()) == 1
    assert platform.rejected() == []


@pytest.mark.parametrize(("place", "hints"), [("with alice", 1), ("group one", 1), ("ops", 0)])
async def test_teams_shows_typing_in_chats_only(
    deployment: Deployment, place: str, hints: int
) -> None:
    platform = deployment.platforms["teams"]
    await platform.says("execute report on web-server-01", place=place)
    await deployment.until(lambda: "all is well" in platform.whole(place), step=0.5)
    typing = [call for call in deployment.teams.calls if call.status == 202]
    assert len(typing) == hints
    assert len(platform.answers(place)) == 1
    assert platform.rejected() == []


async def test_a_person_cancels_an_operation(deployment: Deployment, platform: Platform) -> None:
    await platform.says("execute backup on web-server-01")
    asked = await platform.asked()
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: asked.edits and not asked.buttons)
    await platform.says("operations", place="dev")
    await deployment.until(lambda: "op-" in platform.whole("dev"))
    (operation,) = set(re.findall(r"op-[0-9a-f]{12}", platform.whole("dev")))
    await platform.says(f"cancel {operation}", place="dev")
    await deployment.until(lambda: "ancelled" in asked.text, step=0.5)
    assert "all is saved" not in asked.text


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
@pytest.mark.parametrize("member", [True, False], ids=["member", "no member"])
async def test_a_slash_command_has_one_message(
    deployment: Deployment, restarts: bool, member: bool
) -> None:
    there = deployment.slack.channel("ops")
    there.bot_is_in = member
    await deployment.slack.slash("execute report on web-server-01", channel="ops")
    await deployment.until(lambda: deployment.changes)
    if member:  # else Slack takes five answers only, so there is no progress
        await deployment.until(
            lambda: any("Running the script" in answer.text for answer in there.answers)
        )
    if restarts:
        await deployment.restart()
    await deployment.until(
        lambda: any("all is well" in answer.text for answer in there.answers), step=0.5
    )
    await deployment.passes(10)
    (answer,) = there.answers
    assert "Running the script" not in answer.text
    assert "asked: /smartops execute report on web-server-01" in answer.text
    assert deployment.slack.rejected == [] or not member


async def test_a_private_answer_removes_the_progress_message(
    deployment: Deployment, platform: Platform
) -> None:
    deployment.plugins["fake"]["faults"] = [
        {"operation": "send", "code": "BACKEND_UNAVAILABLE", "delay": "20s", "message": "no luck"}
    ]
    await deployment.restart()
    await platform.says("execute report on web-server-01")
    await deployment.until(platform.answers)
    assert "Working on it" in platform.answers()[0].text
    await deployment.until(lambda: "no luck" in platform.private("alice"), step=0.5)
    await deployment.passes(10)
    assert platform.revealed() == []
    assert platform.rejected() == []
