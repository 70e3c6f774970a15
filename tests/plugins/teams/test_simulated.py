"""The whole path over HTTP: said in Teams, shown in a card, confirmed, done once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from teams_house import House, a_house, line, time_lapse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        yield house
        assert not [call for call in house.teams.rejected if call.status != 404]


async def test_asked_in_a_channel_and_confirmed(house: House) -> None:
    teams, lamps = house.teams, house.lamps
    said = await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    assert asked.thread == said.id
    assert asked.buttons == ["Yes, proceed", "Cancel"]
    assert "Switch kitchen" in asked.text
    assert lamps.switched == []

    answer = await teams.clicks(asked, "confirm")
    assert "kitchen is on." in answer.text
    assert "actions" not in (answer.card or {})
    await teams.until(lambda: asked.edits == 1)
    assert "kitchen is on." in asked.text
    assert asked.buttons == []
    assert lamps.switched == ["kitchen"]
    assert len(teams.conversation("ops").answers) == 1


async def test_the_same_click_again(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    before = dict(asked.activity)
    await teams.clicks(asked, "confirm")
    await teams.until(lambda: asked.edits == 1)
    asked.activity = before  # a client that has not heard of the change
    again = await teams.clicks(asked, "confirm")
    assert "confirmed already" in again.words
    assert house.lamps.switched == ["kitchen"]


async def test_a_strangers_click_says_so_to_him_alone(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    for who, words in (("bob", "given to somebody else"), ("mallory", "does not know you")):
        answer = await teams.clicks(asked, "confirm", user=who)
        assert answer.card is None
        assert words in answer.words
    await house.settled()
    assert asked.edits == 0
    assert asked.buttons
    assert house.lamps.switched == []
    assert len(teams.conversation("ops").answers) == 1


async def test_a_strangers_click_in_an_old_client_is_answered_in_private(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    await teams.clicks(asked, "confirm", user="bob", old_client=True)
    told = await teams.shown("with bob")
    assert "given to somebody else" in told.text
    assert len(teams.conversation("ops").answers) == 1
    assert house.lamps.switched == []


async def test_a_click_after_its_time(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    house.clock.advance(16 * 60)
    answer = await teams.clicks(asked, "confirm")
    assert "has expired" in answer.text
    await teams.until(lambda: asked.edits == 1)
    assert asked.buttons == []
    assert house.lamps.switched == []


async def test_a_click_after_a_restart(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    await house.stop()
    await house.start()
    answer = await teams.clicks(asked, "confirm")
    assert "kitchen is on." in answer.text
    await teams.until(lambda: asked.edits == 1)
    assert house.lamps.switched == ["kitchen"]


async def test_cancelled(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen")
    asked = await teams.shown("with alice")
    answer = await teams.clicks(asked, "cancel")
    assert "Nothing was changed." in answer.text
    await teams.until(lambda: asked.edits == 1)
    assert asked.buttons == []
    assert house.lamps.switched == []


async def test_an_old_client_confirms_with_a_message(house: House) -> None:
    teams = house.teams
    await teams.says("switch kitchen", conversation="ops")
    asked = await teams.shown("ops")
    await teams.clicks(asked, "confirm", old_client=True)
    await teams.until(lambda: asked.edits == 1)
    assert "kitchen is on." in asked.text
    assert house.lamps.switched == ["kitchen"]
    assert len(teams.conversation("ops").answers) == 1


async def test_a_storm_of_redeliveries(house: House) -> None:
    teams, lamps = house.teams, house.lamps
    texts = [f"switch lamp-{number}" for number in range(5)]
    acts = [await teams.says(text, conversation=f"room-{text[-1]}") for text in texts]
    async with anyio.create_task_group() as group:
        for act in (*reversed(acts), *acts):
            group.start_soon(teams.send, act.activity)
    asked = [await teams.shown(f"room-{number}") for number in range(5)]
    async with anyio.create_task_group() as group:
        for question in (*asked, *reversed(asked), *asked):
            group.start_soon(teams.clicks, question, "confirm")
    await teams.until(lambda: all(question.edits for question in asked))
    await house.settled()
    assert sorted(lamps.switched) == [text.removeprefix("switch ") for text in texts]
    for number, question in enumerate(asked):
        assert teams.conversation(f"room-{number}").answers == [question]
        assert f"lamp-{number} is on." in question.text


async def test_ten_thousand_lines_arrive_whole(house: House) -> None:
    teams = house.teams
    async with time_lapse(house.clock):
        await teams.says("print 10000", conversation="ops")
        await teams.until(lambda: "That is all." in _text(house, "ops"), seconds=60)
    shown = _text(house, "ops").replace("\u00a0", " ").split("\n")
    assert [row for row in shown if row.startswith("line ")] == [line(n) for n in range(10_000)]
    assert teams.rejected == []


async def test_five_hundred_rows_arrive_whole(house: House) -> None:
    teams = house.teams
    async with time_lapse(house.clock):
        await teams.says("table 500")
        await teams.until(lambda: f"i-{499:017x}" in _text(house, "with alice"))
    text = _text(house, "with alice")
    assert all(f"web-server-{number:04d}" in text for number in range(500))
    assert teams.rejected == []


async def test_slow_work_is_shown_in_the_message_that_asked(house: House) -> None:
    teams = house.teams
    await teams.says("blink hall", conversation="ops")
    asked = await teams.shown("ops")
    await teams.clicks(asked, "confirm", old_client=True)
    async with time_lapse(house.clock):
        await teams.until(lambda: "blinking (1 of 2)" in asked.text)
        assert asked.buttons == []
        house.lamps.go_on.set()
        await teams.until(lambda: "hall has blinked." in asked.text)
    assert len(teams.conversation("ops").answers) == 1


async def test_an_invoke_is_answered_in_its_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.05)
    teams = house.teams
    await teams.says("blink hall", conversation="ops")
    asked = await teams.shown("ops")
    answer = await teams.clicks(asked, "confirm")
    assert "Working on it" in answer.text
    house.lamps.go_on.set()
    await teams.until(lambda: "hall has blinked." in asked.text)
    await house.settled()
    assert house.lamps.switched == ["hall"]
    assert asked.buttons == []
    assert len(teams.conversation("ops").answers) == 1


async def test_what_is_missing_is_filled_in(house: House) -> None:
    teams = house.teams
    await teams.says("paint hall", conversation="ops")
    form = await teams.shown("ops")
    assert form.buttons == ["Continue"]
    with pytest.raises(ValueError, match="Colour is needed"):
        await teams.clicks(form, "Continue")
    answer = await teams.clicks(form, "Continue", inputs={"colour": "blue"})
    assert "hall is blue in 1 layers." in answer.text
    await teams.until(lambda: form.edits == 1)
    assert "hall is blue in 1 layers." in form.text
    assert form.buttons == []


async def test_what_the_others_see_comes_though_the_connector_is_busy(house: House) -> None:
    """Who filled it in has the answer already, so nobody else would try it again."""
    teams = house.teams
    await teams.says("paint hall", conversation="ops")
    form = await teams.shown("ops")
    teams.fail(status=503, method="PUT", retry_after=120)
    await teams.clicks(form, "Continue", inputs={"colour": "blue"})
    await teams.until(lambda: bool(teams.rejected))
    async with time_lapse(house.clock, 500):
        await teams.until(lambda: form.edits == 1)
    assert "hall is blue in 1 layers." in form.text
    teams.calls.clear()


async def test_what_is_missing_is_filled_in_by_an_old_client(house: House) -> None:
    teams = house.teams
    await teams.says("paint hall")
    form = await teams.shown("with alice")
    await teams.clicks(form, "form", inputs={"colour": "red"}, old_client=True)
    answer = await teams.shown("with alice", count=2)
    assert "hall is red in 1 layers." in answer.text


async def test_what_is_missing_may_be_typed(house: House) -> None:
    teams = house.teams
    await teams.says("paint hall")
    await teams.shown("with alice")
    await teams.says("red")
    answer = await teams.shown("with alice", count=2)
    assert "hall is red in 1 layers." in answer.text


async def test_refusals_are_told_in_private(house: House) -> None:
    teams = house.teams
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


async def test_a_message_that_was_not_answered_in_time_is_sent_again(house: House) -> None:
    teams = house.teams
    bot, teams.bot = teams.bot, "http://127.0.0.1:9/api/messages"
    async with time_lapse(house.clock), anyio.create_task_group() as group:
        group.start_soon(teams.says, "switch kitchen")
        await teams.until(lambda: len(teams.posted) == 1)
        teams.bot = bot
    await teams.shown("with alice")
    first, second, *_ = teams.posted
    assert first == second
    assert len(teams.conversation("with alice").answers) == 1


async def test_what_was_begun_before_a_restart_is_answered_after_it(house: House) -> None:
    teams = house.teams
    teams.fail(status=503, times=100, retry_after=120)
    await teams.says("switch kitchen")
    await teams.until(lambda: len(teams.rejected) == 1)
    teams.faults.clear()
    await house.stop()
    house.clock.advance(600)
    await house.start()
    assert "Switch kitchen" in (await teams.shown("with alice")).text
    teams.calls.clear()


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "over a restart"])
async def test_an_answer_waits_until_the_secret_is_mended(
    house: House, caplog: pytest.LogCaptureFixture, restarts: bool
) -> None:
    teams = house.teams
    right, teams.login.secret = teams.login.secret, "another"
    await teams.says("switch kitchen", conversation="ops")
    with anyio.fail_after(10):
        while "trying again" not in caplog.text:
            await anyio.sleep(0.002)
    assert "client_secret is wrong" in caplog.text
    assert teams.conversation("ops").answers == []
    teams.login.secret = right
    if restarts:
        await house.stop()
        house.clock.advance(600)
        await house.start()
    async with time_lapse(house.clock):
        assert "Switch kitchen" in (await teams.shown("ops")).text
    assert len(teams.conversation("ops").answers) == 1


async def test_a_click_is_answered_though_its_process_stops_in_the_middle(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartops_teams.reading.INVOKE_SECONDS", 0.05)
    teams = house.teams
    await teams.says("blink hall", conversation="ops")
    asked = await teams.shown("ops")
    answer = await teams.clicks(asked, "confirm")
    assert "Working on it" in answer.text
    await house.stop()
    house.lamps.go_on.set()
    await house.start()
    async with time_lapse(house.clock):
        await teams.until(lambda: "hall has blinked." in asked.text)
    assert asked.buttons == []
    assert house.lamps.switched == ["hall"]
    assert len(teams.conversation("ops").answers) == 1


async def test_what_a_button_shows_may_be_long(house: House) -> None:
    teams = house.teams
    await teams.says("menu", conversation="ops")
    menu = await teams.shown("ops")
    async with time_lapse(house.clock):
        assert (await teams.clicks(menu, "Print")).text == "Working on it"
        await teams.until(lambda: "That is all." in _text(house, "ops"))
    shown = _text(house, "ops").replace("\u00a0", " ").split("\n")
    assert [row for row in shown if row.startswith("line ")] == [line(n) for n in range(1500)]
    assert menu.edits == 0
    assert menu.buttons == ["Print", "Who am I"]


async def test_what_is_private_stays_so(house: House) -> None:
    teams = house.teams
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


def _text(house: House, conversation: str) -> str:
    return "\n".join(item.text for item in house.teams.conversation(conversation).answers)
