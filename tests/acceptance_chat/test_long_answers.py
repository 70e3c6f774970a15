"""What is too long for one message arrives whole, and no call is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from chat_house import FLEET, Front, House
from smartops.backends import Query

pytestmark = pytest.mark.anyio
ID = re.compile(r"\bi-[0-9a-z]+")


@pytest.fixture
async def house(closed_house: House) -> AsyncIterator[House]:
    house = closed_house
    house.plugins = {
        "fake": {"fleet": FLEET, "instances": 498},
        "instances": {"page_size": 500},
    }
    house.teams.check_card = None  # the schema takes a second for a long table
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
    said = await front.says('execute "seq 10000" on web-server-01')
    await front.settled()
    whole = front.whole()
    assert "web-server-01: ok, exit code 0" in whole
    numbers = re.findall(r"^\d+$", whole, re.MULTILINE)
    assert sorted(set(map(int, numbers))) == list(range(1, 10_001))
    assert {front.thread(item) for item in front.answers()} == {front.thread(said)}


async def test_much_of_many_machines(house: House, front: Front) -> None:
    house.plugins["exec"] = {"scripts": [{"script": "report", "read_only": True}], "groups": 2}
    house.plugins["fake"]["scripts"] = [
        {"pattern": "report", "instance": f"web-server-{n:02}", "output": f"{n}: good\n" * 3000}
        for n in range(1, 5)
    ]
    house.plugins["fake"]["fleet"] = [{"name": f"web-server-{n:02}"} for n in range(1, 5)]
    await house.restart()
    await front.says("execute report on web-server-01,web-server-02,web-server-03,web-server-04")
    await front.settled()
    whole = front.whole()
    assert [whole.count(f"{n}: good") >= 3000 for n in range(1, 5)] == [True] * 4
    assert "2 more outputs, of 2 instances" in whole


async def test_five_hundred_instances(house: House, front: Front) -> None:
    await front.says("list instances")
    await front.settled()
    assert set(ID.findall(front.whole())) == await instances(house)


async def test_pages_lead_through_all_instances(house: House, front: Front) -> None:
    house.plugins["instances"] = {"page_size": 125}
    await house.restart()
    said = await front.says("list instances")
    for user in ("alice", "bob", "alice"):
        await front.settled()
        last = front.answers()[-1]
        assert last.buttons == ["Next page"]
        await front.clicks(last, "Next page", user=user)
    await front.settled()
    shown = front.answers()
    assert not shown[-1].buttons
    assert {front.thread(item) for item in shown} == {front.thread(said)}
    rows = ID.findall("\n".join(item.text for item in shown))
    assert sorted(rows) == sorted(await instances(house))


async def test_a_page_is_shown_again_when_it_is_asked_for_again(house: House, front: Front) -> None:
    house.plugins["instances"] = {"page_size": 125}
    await house.restart()
    await front.says("list instances")
    await front.settled()
    first = await front.asked()
    seen = front.remembered(first)
    for _ in range(2):
        await front.clicks(seen, "Next page")
    await front.settled()
    await front.clicks(seen, "Next page", user="bob")
    await front.settled()
    rows = Counter(ID.findall("\n".join(item.text for item in front.answers())))
    assert sorted(rows.values()) == [1] * 125 + [3] * 125


async def test_a_page_that_is_refused_can_be_asked_for_again(house: House, front: Front) -> None:
    house.plugins["instances"] = {"page_size": 125}
    await house.restart()
    await front.says("list instances")
    await front.settled()
    first = await front.asked()
    count = len(front.answers())
    house.plugins["fake"]["faults"] = [
        {"operation": "list", "code": "BACKEND_UNAVAILABLE", "message": "no luck", "times": 1}
    ]
    await house.restart()
    await front.clicks(first, "Next page")
    await house.until(lambda: "no luck" in front.private("alice"))
    assert first.buttons == ["Next page"]
    await front.clicks(first, "Next page")
    await house.until(lambda: len(front.answers()) > count)
