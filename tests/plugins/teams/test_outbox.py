"""What is done besides an answer: when it fails, the answer is there all the same, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from board import Board
from smartops import Action, BackendUnavailable, Identity, Message, Place, Reply, Secret
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_teams import TeamsConfig
from smartops_teams.connector import Connector, Gone
from smartops_teams.credentials import Credentials
from smartops_teams.hosts import ServiceHosts
from smartops_teams.kept import Cards
from smartops_teams.outbox import Outbox
from smartops_teams.references import References
from smartops_teams.simulator import Simulator
from smartops_teams.tokens import Tokens
from teams_house import time_lapse

pytestmark = pytest.mark.anyio

MORE = Action("command", "Next page", "list --page 2", once=True)
PROGRESS = Reply(status="pending", view=Reply.of("Working on it").view)


class Room:
    """An outbox before the simulator, and one conversation."""

    def __init__(self, teams: Simulator, clock: ManualClock, http: AiohttpClient) -> None:
        self.teams, self.clock = teams, clock
        self.chat = teams.conversation("group crew")
        self.board = Board()
        config = TeamsConfig.model_validate(teams.settings(client_secret=Secret("simulated")))
        tokens = Tokens(Credentials(config, clock), http, clock)
        connector = Connector(tokens, http, clock, ServiceHosts(config.hosts))
        references = References(lambda: self.board)
        self.outbox = Outbox(connector, references, Cards(lambda: self.board, clock), clock)

    def message(self, id: str = "1", *, pressed: str = "", once: bool = False) -> Message:
        reference: dict[str, Any] = {
            "answer": "",
            "serviceUrl": self.teams.sender.service_url,
            "channelId": "msteams",
            "conversation": self.chat.id,
            "kind": "groupChat",
            "tenant": self.teams.world.tenant,
            "activity": pressed,
            "once": once,
            "bot": self.teams.account,
            "user": {"id": self.teams.user("alice").id, "name": "Alice"},
        }
        return Message(
            id=id,
            channel="teams",
            conversation=self.chat.id,
            sender=Identity("teams", "t", "alice"),
            place=Place("teams", "t"),
            at=self.clock.now(),
            request_id=f"request-{id}",
            shown_in=pressed,
            reference=reference,
        )

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.chat.answers]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    clock, http = ManualClock(), AiohttpClient()
    async with Simulator.start(clock=clock) as teams:
        yield Room(teams, clock, http)
        await http.aclose()


async def test_what_cannot_be_kept_is_shown_once(room: Room) -> None:
    room.board.away = True
    shown = await room.outbox.answer(room.message(), Reply.of("Page 1", actions=[MORE]), "")
    assert [item.id for item in room.chat.answers] == [shown]


async def test_what_is_too_large_to_be_kept_is_shown(room: Room) -> None:
    long = Action("command", "Next page", "x" * 70_000, once=True)
    shown = await room.outbox.answer(room.message(), Reply.of("Page 1", actions=[long]), "")
    assert [item.id for item in room.chat.answers] == [shown]


async def test_a_page_stays_though_the_button_before_it_cannot_be_taken_away(room: Room) -> None:
    """The store is away when the page is there: nobody may try it again, or remove it."""
    pressed = await room.outbox.answer(room.message(), Reply.of("Page 1", actions=[MORE]), "")
    press = room.message("2", pressed=pressed, once=True)
    working = await room.outbox.answer(press, PROGRESS, "")
    room.board.away = True
    shown = await room.outbox.answer(press, Reply.of("Page 2"), working)
    assert shown == working
    assert room.texts == ["Page 1", "Page 2"]


async def test_a_conversation_that_is_gone_is_not_tried_again(room: Room) -> None:
    room.chat.bot_is_in = False
    room.board.away = True
    with pytest.raises(Gone):
        await room.outbox.answer(room.message(), Reply.of("Hello."), "")


async def test_presses_that_do_not_say_where_are_not_taken_for_one(room: Room) -> None:
    for number in ("1", "2"):
        press = room.message(number, once=True)
        await room.outbox.answer(press, Reply.of(f"Page {number}"), "")
    assert room.texts == ["Page 1", "Page 2"]


async def test_a_sign_of_work_is_tried_once(room: Room) -> None:
    """An answer would have to wait for it."""
    room.teams.fail(503, times=2)
    async with time_lapse(room.clock):
        with pytest.raises(BackendUnavailable):
            await room.outbox.hint(room.message())
    assert len(room.teams.rejected) == 1
