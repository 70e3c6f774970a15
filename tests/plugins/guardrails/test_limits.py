"""Limits of how many instances may be changed, over all replicas."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from smartops import StartupError
from smartops.store import StoreUnavailable

pytestmark = pytest.mark.anyio


def limit(**settings: Any) -> dict[str, Any]:
    return {"limits": [{"name": "few", "scope": "production", **settings}]}


async def test_a_change_of_too_many_instances_is_refused(guarded) -> None:
    bot = guarded(**limit(per_change=1))
    refused = await bot.say("stop tag:Role=web")
    assert refused.code == "PERMISSION_DENIED"
    assert refused.text == (
        "Too many instances: few allows 1 in one change, not 2\n\nName fewer instances"
    )
    assert "few allows 1 in one change" in (await bot.say("can-i stop web-1,web-2")).text
    assert (await bot.say("stop web-1,test-1")).status == "pending"
    assert (await bot.say("list instances")).status == "success"


async def test_different_instances_are_counted_within_an_hour_over_restarts(guarded) -> None:
    bot = guarded(**limit(per_hour=1))
    await bot.confirm("reboot web-1")
    await bot.restart()
    assert (await bot.confirm("stop web-1")).status == "success"
    refused = await bot.say("stop web-2", user="bob")
    assert refused.text.startswith("Too many instances: few allows 1 in an hour, not 2")
    assert (await bot.say("stop test-1")).status == "pending"
    bot.clock.advance(3601)
    assert (await bot.say("stop web-2")).status == "pending"


async def test_a_refused_change_is_not_counted(guarded) -> None:
    bot = guarded(**limit(per_hour=1))
    await bot.say("stop web-1")
    assert (await bot.confirm("stop web-2")).status == "success"


async def test_changes_confirmed_at_once_at_two_replicas_stay_within_the_limit(replicas) -> None:
    one, other = replicas(**limit(per_hour=1))
    asked = [(one, await one.say("stop web-1")), (other, await other.say("stop web-2"))]
    outcomes: list[str] = []

    async def confirm(bot, reply) -> None:
        outcomes.append((await bot.press(reply.action("confirm"))).text)

    async with anyio.create_task_group() as group:
        for pair in asked:
            group.start_soon(confirm, *pair)
    refused = [text for text in outcomes if "Too many instances: few allows 1" in text]
    assert len(refused) == 1
    states = [item["state"] for item in (await one.say("list instances")).data["instances"]]
    await other.aclose()
    assert states.count("running") >= 2


@pytest.mark.parametrize("share", [50, 10])
async def test_a_share_of_a_group_is_changed_within_an_hour(guarded, share: int) -> None:
    bot = guarded(**limit(share=share, group="Role"))
    refused = await bot.say("stop web-1,web-2")
    assert refused.text.startswith(
        f"Too many instances: few allows {share}% of Role=web in an hour, which is 1 of 2, not 2"
    )
    await bot.confirm("stop web-1")
    assert (await bot.say("stop web-2")).code == "PERMISSION_DENIED"
    bot.clock.advance(60)
    assert (await bot.say("start web-1")).status == "pending"


async def test_a_store_that_cannot_count_refuses_the_change(
    guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = guarded(**limit(per_hour=1))
    asked = await bot.say("stop web-1")
    store = (await bot.app()).composition.key_value_stores.store

    async def away(*_: object) -> bool:
        raise StoreUnavailable("The store cannot be written")

    monkeypatch.setattr(store, "swap_fact", away)
    refused = await bot.press(asked.action("confirm"))
    assert refused.code == "PERMISSION_DENIED"
    assert "Nothing was done" in refused.text
    assert "running" in (await bot.say("show web-1")).text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "needs per_change:, per_hour: or share:"),
        ({"share": 10}, "share: and group: belong together"),
        ({"per_change": 1, "scope": "nothing"}, "not in scopes"),
    ],
)
async def test_wrong_limits_are_refused_at_start(guarded, settings: Any, text: str) -> None:
    with pytest.raises(StartupError, match=text):
        guarded(**limit(**settings))


async def test_more_needs_the_approval_of_other_people(guarded) -> None:
    bot = guarded(**limit(per_change=1, per_hour=2, approval_roles=["lead"]))
    asked = await bot.say("can-i stop web-1,web-2")
    assert asked.data["approval"] == ["1 lead"]
    waiting = await bot.confirm("stop web-1,web-2")
    assert "few allows 1 in one change, not 2" in waiting.text
    request = waiting.data["approval"]["approval"]
    assert (await bot.say(f"approve {request}")).status == "error"
    assert (await bot.say(f"approve {request}", user="lee")).status == "success"
    listed = (await bot.say("list instances --tag Role=web")).data["instances"]
    assert {item["state"] for item in listed} <= {"stopping", "stopped"}


async def test_an_emergency_passes_limits_and_freezes_but_no_lock(guarded) -> None:
    bot = guarded(**limit(per_change=1))
    bot.settings["emergency"] = {"roles": ["lead"]}
    await bot.confirm("freeze production for 1h because of the release")
    text = 'stop web-1,web-2 --emergency "it burns"'
    asked = await bot.say(text, user="lee")
    await bot.confirm("lock web-1 for 5m repair")
    assert (await bot.press(asked.action("confirm"), user="lee")).text.startswith("Locked: web-1")
    await bot.confirm("unlock web-1")
    assert (await bot.confirm(text, user="lee")).status == "success"
