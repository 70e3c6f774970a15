"""Work that takes long is shown in one message, to its end, whatever happens in between."""

from __future__ import annotations

import re

import pytest

from chat_house import FLEET, Front, House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(closed_house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    house = closed_house
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.1)  # real ones
    house.plugins = {
        "exec": {
            "scripts": [{"script": "backup"}, {"script": "report", "read_only": True}],
            "max_timeout": "10m",
            "timeout": "5m",
        },
        "fake": {
            "fleet": FLEET,
            "state_file": house.folder / "cloud.json",
            "scripts": [
                {"pattern": "backup", "seconds": 90, "output": "all is saved"},
                {"pattern": "report", "seconds": 90, "output": "all is well"},
            ],
        },
    }
    await house.start()
    return house


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
async def test_progress_and_outcome_are_shown_in_the_message_that_asked(
    house: House, front: Front, restarts: bool
) -> None:
    await front.says("execute backup on web-server-01")
    asked = await front.asked()
    await front.clicks(asked, "confirm")
    await house.until(lambda: asked.edits and not asked.buttons)
    assert "all is saved" not in asked.text
    await house.until(lambda: "Running the script" in asked.text)
    await house.passes(30)
    if restarts:
        await house.restart()
    await house.until(lambda: "all is saved" in asked.text, step=0.5)
    await house.passes(10)
    assert "exit code 0" in asked.text
    assert [change["what"] for change in house.changes] == ["send"]
    assert len(front.answers()) == 1
    assert front.rejected() == []


@pytest.mark.parametrize(("place", "hints"), [("with alice", 1), ("group one", 1), ("ops", 0)])
async def test_in_teams_a_chat_sees_the_bot_typing(house: House, place: str, hints: int) -> None:
    front = house.fronts["teams"]
    await front.says("execute report on web-server-01", place=place)
    await house.until(lambda: "all is well" in front.whole(place), step=0.5)
    typing = [call for call in house.teams.calls if call.status == 202]
    assert len(typing) == hints
    assert len(front.answers(place)) == 1
    assert front.rejected() == []


async def test_an_operation_is_cancelled_by_the_person(house: House, front: Front) -> None:
    await front.says("execute backup on web-server-01")
    asked = await front.asked()
    await front.clicks(asked, "confirm")
    await house.until(lambda: asked.edits and not asked.buttons)
    await front.says("operations", place="dev")
    await house.until(lambda: "op-" in front.whole("dev"))
    (operation,) = set(re.findall(r"op-[0-9a-f]{12}", front.whole("dev")))
    await front.says(f"cancel {operation}", place="dev")
    await house.until(lambda: "ancelled" in asked.text, step=0.5)
    assert "all is saved" not in asked.text


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
@pytest.mark.parametrize("member", [True, False], ids=["member", "no member"])
async def test_a_slash_command_shows_one_message_to_its_end(
    house: House, restarts: bool, member: bool
) -> None:
    there = house.slack.channel("ops")
    there.bot_is_in = member
    await house.slack.slash("execute report on web-server-01", channel="ops")
    await house.until(lambda: house.changes)
    if member:  # who is no member answers five times at most, so signs of work are left out
        await house.until(lambda: any("Running the script" in x.text for x in there.answers))
    if restarts:
        await house.restart()
    await house.until(lambda: any("all is well" in x.text for x in there.answers), step=0.5)
    await house.passes(10)
    (answer,) = there.answers
    assert "Running the script" not in answer.text
    assert "asked: /smartops execute report on web-server-01" in answer.text
    assert house.slack.rejected == [] or not member


async def test_a_sign_of_work_goes_when_only_the_sender_is_answered(
    house: House, front: Front
) -> None:
    house.plugins["fake"]["faults"] = [
        {"operation": "send", "code": "BACKEND_UNAVAILABLE", "delay": "20s", "message": "no luck"}
    ]
    await house.restart()
    await front.says("execute report on web-server-01")
    await house.until(front.answers)
    assert "Working on it" in front.answers()[0].text
    await house.until(lambda: "no luck" in front.private("alice"), step=0.5)
    await house.passes(10)
    assert front.revealed() == []
    assert front.rejected() == []
