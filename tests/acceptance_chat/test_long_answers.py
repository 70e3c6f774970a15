"""What is too long for one message arrives whole, and no call is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from chat_house import FLEET, Front, House
from smartops import Query

pytestmark = pytest.mark.anyio
ID = re.compile(r"\bi-[0-9a-z]+")


@pytest.fixture
async def house(closed_house: House) -> AsyncIterator[House]:
    house = closed_house
    house.plugins = {
        "fake": {"fleet": FLEET, "instances": 498},
        "instances": {"page_size": 500},
    }
    house.teams.connector.check_card = None  # the schema takes a second for a long table
    await house.start()
    yield house
    assert [*house.slack.rejected, *house.teams.rejected] == []


async def instances(house: House) -> set[str]:
    assert house.app is not None
    compute = house.app.composition.compute
    assert compute is not None
    found = {item.id for item in (await compute.list(Query())).instances}
    assert len(found) == 500
    return found


async def test_ten_thousand_lines(house: House, front: Front) -> None:
    said = await front.says("print 10000 lines")
    await front.settled()
    numbers = re.findall(r"line (\d{5}) of the log", front.whole())
    assert sorted(set(numbers)) == [f"{number:05}" for number in range(10_000)]
    assert {front.thread(item) for item in front.answers()} == {front.thread(said)}


async def test_five_hundred_instances(house: House, front: Front) -> None:
    await front.says("list instances")
    await front.settled()
    assert set(ID.findall(front.whole())) == await instances(house)


async def test_pages_lead_through_all_instances(house: House, front: Front) -> None:
    house.plugins["instances"] = {"page_size": 125}
    await house.restart()
    await front.says("list instances")
    for _ in range(3):
        await front.settled()
        last = front.answers()[-1]
        assert last.buttons == ["Next page"]
        await front.clicks(last, "Next page")
    await front.settled()
    assert set(ID.findall(front.whole())) == await instances(house)
