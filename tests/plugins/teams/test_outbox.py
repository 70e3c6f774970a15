"""What is done besides an answer: when it fails, the answer is there all the same, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from board import Board
from smartops import BackendUnavailable, Identity, Message, Place, Reply, Secret
from smartops.http import AiohttpClient
from smartops.testing import ManualClock
from smartops_simulators.teams import TeamsSimulator
from smartops_teams import TeamsConfig
from smartops_teams.connector import Connector, Gone
from smartops_teams.credentials import Credentials
from smartops_teams.hosts import ServiceHosts
from smartops_teams.outbox import Outbox
from smartops_teams.references import References
from smartops_teams.tokens import Tokens
from teams_house import time_lapse

pytestmark = pytest.mark.anyio


class Room:
    """An outbox before the simulator, and one conversation."""

    def __init__(self, teams: TeamsSimulator, clock: ManualClock, http: AiohttpClient) -> None:
        self.teams, self.clock = teams, clock
        self.chat = teams.conversation("group crew")
        self.board = Board()
        config = TeamsConfig.model_validate(teams.settings(client_secret=Secret("simulated")))
        tokens = Tokens(Credentials(config, clock), http, clock)
        connector = Connector(tokens, http, clock, ServiceHosts(config.hosts))
        references = References(lambda: self.board)
        self.outbox = Outbox(connector, references, clock)

    def message(self, id: str = "1", *, pressed: str = "") -> Message:
        reference: dict[str, Any] = {
            "answer": "",
            "serviceUrl": self.teams.service_url,
            "channelId": "msteams",
            "conversation": self.chat.id,
            "kind": "groupChat",
            "tenant": self.teams.login.tenant,
            "activity": pressed,
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
    async with TeamsSimulator.start(clock=clock) as teams:
        yield Room(teams, clock, http)
        await http.aclose()


async def test_a_conversation_that_is_gone_is_not_tried_again(room: Room) -> None:
    room.chat.bot_is_in = False
    room.board.away = True
    with pytest.raises(Gone):
        await room.outbox.answer(room.message(), Reply.of("Hello."), "")


async def test_a_sign_of_work_is_tried_once(room: Room) -> None:
    """An answer would have to wait for it."""
    room.teams.fail(status=503, times=2)
    async with time_lapse(room.clock):
        with pytest.raises(BackendUnavailable):
            await room.outbox.hint(room.message())
    assert len(room.teams.rejected) == 1
