"""Cards that are kept so that a button can be taken away."""

from __future__ import annotations

import pytest

from board import Board
from smartops import Action, Reply
from smartops.testing import ManualClock
from smartops_teams.kept import Cards

pytestmark = pytest.mark.anyio

DAY = 24 * 3600
MORE = Action("command", "Next page", "list --page 2", once=True)
HELP = Action("command", "Help", "help")
PAGE = Reply.of("Page 1", data={"rows": [1]}, actions=[MORE, HELP])


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cards(board: Board, clock: ManualClock) -> Cards:
    return Cards(lambda: board, clock)


async def test_a_card_is_taken_once_and_without_its_button(cards: Cards, board: Board) -> None:
    await cards.keep("chat", "1", PAGE)
    await cards.keep("chat", "2", Reply.of("Page 2", actions=[MORE]))
    taken = await cards.take("chat", "1")
    assert taken is not None
    assert (taken.view, taken.actions, taken.data) == (PAGE.view, (HELP,), {})
    assert await cards.take("chat", "1") is None
    assert await cards.take("other", "2") is None
    assert len(board.facts) == 1


async def test_only_what_has_such_a_button_is_kept(cards: Cards, board: Board) -> None:
    await cards.keep("chat", "1", Reply.of("Hello", actions=[HELP]))
    await cards.keep("chat", "2", Reply.of("Hello"))
    assert board.facts == {}


async def test_cards_are_kept_for_two_days_at_most(
    cards: Cards, board: Board, clock: ManualClock
) -> None:
    for day in range(5):
        await cards.keep("chat", str(day), PAGE)
        clock.advance(DAY)
    assert len(board.facts) == 2
    assert await cards.take("chat", "3") is None  # kept, but no longer looked at
    assert await cards.take("chat", "4") is not None
    board.facts["reference:1"] = "of something else"
    await cards.keep("chat", "5", PAGE)
    assert await cards.take("chat", "5") is not None
    assert board.facts["reference:1"]
