"""Answers that are too long for one message are complete, and no call is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from chat_deployment import FLEET, Deployment, Platform
from smartops.backends import Query

pytestmark = pytest.mark.anyio
NAMES = [f"web-server-{number:02}" for number in range(1, 5)]
ID = re.compile(r"\bi-[0-9a-z]+")


@pytest.fixture
async def deployment(stopped_deployment: Deployment) -> AsyncIterator[Deployment]:
    deployment = stopped_deployment
    deployment.plugins = {
        "fake": {"fleet": FLEET, "instances": 498},
        "instances": {"page_size": 500},
    }
    deployment.teams.check_card = None  # the schema takes a second for a long table
    await deployment.start()
    yield deployment
    assert [*deployment.slack.rejected, *deployment.teams.rejected] == []


async def instances(deployment: Deployment) -> set[str]:
    assert deployment.app is not None
    compute = deployment.app.composition.compute
    assert compute is not None
    return {item.id for item in (await compute.list(Query())).instances}


async def paged(deployment: Deployment) -> None:
    """Let the deployment have four pages of instances."""
    deployment.plugins["instances"] = {"page_size": 10}
    deployment.plugins["fake"]["instances"] = 38
    await deployment.restart()


async def test_ten_thousand_lines(deployment: Deployment, platform: Platform) -> None:
    sent = await platform.says('execute "seq 10000" on web-server-01')
    await platform.settled()
    whole = platform.whole()
    assert "web-server-01: ok, exit code 0" in whole
    numbers = re.findall(r"^\d+$", whole, re.MULTILINE)
    assert sorted(set(map(int, numbers))) == list(range(1, 10_001))
    assert {platform.thread(item) for item in platform.answers()} == {platform.thread(sent)}


async def test_long_output_of_several_instances(deployment: Deployment, platform: Platform) -> None:
    deployment.plugins["exec"] = {"scripts": [{"script": "report", "read_only": True}], "groups": 2}
    deployment.plugins["fake"]["scripts"] = [
        {"pattern": "report", "instance": name, "output": f"{name}: good\n" * 3000}
        for name in NAMES
    ]
    deployment.plugins["fake"]["fleet"] = [{"name": name} for name in NAMES]
    await deployment.restart()
    await platform.says(f"execute report on {','.join(NAMES)}")
    await platform.settled()
    whole = platform.whole()
    assert all(whole.count(f"{name}: good") >= 3000 for name in NAMES)
    assert "2 more outputs, of 2 instances" in whole


async def test_five_hundred_instances(deployment: Deployment, platform: Platform) -> None:
    await platform.says("list instances")
    await platform.settled()
    found = await instances(deployment)
    assert len(found) == 500
    assert set(ID.findall(platform.whole())) == found


async def test_pages_list_all_instances(deployment: Deployment, platform: Platform) -> None:
    await paged(deployment)
    sent = await platform.says("list instances")
    for user in ("alice", "bob", "alice"):
        await platform.settled()
        last = platform.answers()[-1]
        assert last.buttons == ["Next page"]
        await platform.clicks(last, "Next page", user=user)
    await platform.settled()
    shown = platform.answers()
    assert not shown[-1].buttons
    assert {platform.thread(item) for item in shown} == {platform.thread(sent)}
    rows = ID.findall("\n".join(item.text for item in shown))
    assert sorted(rows) == sorted(await instances(deployment))


async def test_a_page_can_be_requested_again(deployment: Deployment, platform: Platform) -> None:
    await paged(deployment)
    await platform.says("list instances")
    await platform.settled()
    first = await platform.asked()
    seen = platform.remembered(first)
    for _ in range(2):
        await platform.clicks(seen, "Next page")
    await platform.settled()
    await platform.clicks(seen, "Next page", user="bob")
    await platform.settled()
    rows = Counter(ID.findall("\n".join(item.text for item in platform.answers())))
    assert sorted(rows.values()) == [1] * 10 + [3] * 10


async def test_a_refused_page_can_be_requested_again(
    deployment: Deployment, platform: Platform
) -> None:
    await paged(deployment)
    await platform.says("list instances")
    await platform.settled()
    first = await platform.asked()
    count = len(platform.answers())
    deployment.plugins["fake"]["faults"] = [
        {"operation": "list", "code": "BACKEND_UNAVAILABLE", "message": "no luck", "times": 1}
    ]
    await deployment.restart()
    await platform.clicks(first, "Next page")
    await deployment.until(lambda: "no luck" in platform.private("alice"))
    assert first.buttons == ["Next page"]
    await platform.clicks(first, "Next page")
    await deployment.until(lambda: len(platform.answers()) > count)
