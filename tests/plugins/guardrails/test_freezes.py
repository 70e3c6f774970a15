"""Freezes of the configuration and of people, through the whole gate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

import smartops_guardrails
from smartops import StartupError
from smartops.store import StoreUnavailable
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

BERLIN = {"timezone": "Europe/Berlin"}


def at(bot: Bot, text: str) -> None:
    """Set the clock to a time with an offset."""
    bot.clock.advance(datetime.fromisoformat(text).timestamp() - bot.clock.time())


def freeze(**settings: Any) -> dict[str, Any]:
    return {"name": "closing", "scope": "production", "reason": "Year-end closing", **settings}


async def test_a_freeze_refuses_changes_and_says_who_set_it_why_until_when_and_who_lifts_it(
    guarded,
) -> None:
    bot = guarded()
    assert (await bot.confirm("freeze production until 18:00 because the release is on")).data[
        "scope"
    ] == "production"
    refused = await bot.say("stop web-1", user="bob")
    assert refused.code == "PERMISSION_DENIED"
    assert refused.text == (
        "production is frozen until 2027-01-15 18:00 UTC\n\n"
        "Set by bot:alice. Reason: the release is on. "
        "bot:alice or the role lead can lift it: unfreeze production"
    )
    for text in ("tag web-1 Environment=test", "stop tag:Environment=production", "reboot web-2"):
        assert " is frozen until " in (await bot.say(text, user="lee")).text
    assert (await bot.say("show web-1")).status == "success"
    assert (await bot.say("stop test-1")).status == "pending"
    can_i = await bot.say("can-i stop web-1", user="bob")
    assert "production is frozen until 2027-01-15 18:00 UTC; Set by bot:alice." in can_i.text


async def test_a_freeze_that_was_set_after_the_question_refuses_the_confirmed_change(
    guarded,
) -> None:
    bot = guarded()
    asked = await bot.say("stop web-1")
    await bot.confirm("freeze production for 1h because of the release", user="bob")
    refused = await bot.press(asked.action("confirm"))
    assert " is frozen until " in refused.text
    assert "running" in (await bot.say("show web-1")).text


async def test_a_freeze_of_all_changes_is_told_by_help_and_can_be_lifted(guarded) -> None:
    bot = guarded()
    await bot.confirm("freeze all for 1h because of the release")
    assert "frozen until" in (await bot.say("help stop")).text
    assert (await bot.say("stop test-1")).code == "PERMISSION_DENIED"
    assert (await bot.confirm("unfreeze all")).status == "success"
    assert (await bot.say("stop test-1")).status == "pending"
    events = [item["command"] for item in (await bot.say("history")).data["history"]]
    assert "unfreeze all" in events
    assert 'freeze all for 1h because "of the release"' in events


@pytest.mark.parametrize("who", ["bob", "lee"])
async def test_only_its_person_or_a_right_lifts_a_freeze(guarded, who: str) -> None:
    bot = guarded()
    await bot.confirm("freeze production for 2h because of the release")
    asked = await bot.say("can-i unfreeze production", user=who)
    lifted = await bot.say("unfreeze production", user=who)
    longer = await bot.say("freeze production for 1m because I want to", user=who)
    if who == "lee":
        assert asked.data["allowed"]
        assert lifted.status == longer.status == "pending"
        await bot.press(lifted.action("confirm"), user=who)
        assert (await bot.say("stop web-1")).status == "pending"
    else:
        assert not asked.data["allowed"]
        assert lifted.text.startswith("You may not unfreeze production")
        assert longer.text.startswith("production is frozen already by bot:alice")


async def test_the_right_that_a_person_loses_before_they_confirm_lifts_nothing(guarded) -> None:
    bot = guarded()
    await bot.confirm("freeze production for 2h because of the release")
    lifting = await bot.say("unfreeze production", user="lee")
    await bot.aclose()
    bot.settings["people"] = {}
    assert (await bot.press(lifting.action("confirm"), user="lee")).status == "error"
    assert (await bot.say("stop web-1")).code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "scope",
    ["producton", '"production\n"', "Environment=", "=production", "Environment=*", "lock/x",
     '"a=b, all"', "'a=\"b'", "../freeze/all", '"Environment =x"'],
)  # fmt: skip
async def test_what_is_no_scope_cannot_be_frozen(guarded, scope: str) -> None:
    bot = guarded()
    refused = await bot.say(f"freeze {scope} for 1h because of the release")
    assert refused.code == "VALIDATION_ERROR"
    assert (await bot.say("freezes")).data == {"freezes": []}


@pytest.mark.parametrize("reason", ["''", '"  "', "x" * 201, "'one\u2028two'", "'a\u202eb'"])
async def test_a_reason_is_one_line(guarded, reason: str) -> None:
    refused = await guarded().say(f"freeze production for 1h because {reason}")
    assert refused.code == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("for 10s", "It must last for a minute at least"),
        ("until 2020-01-01T00:00", "2020-01-01T00:00 is in the past"),
        ("until teatime", "until"),
        ("until 0001-01-01T00:00", "until"),
        ("until 9999-12-31T23:59-12:00", "until"),
    ],
)
async def test_a_freeze_has_an_end_in_the_future(guarded, when: str, text: str) -> None:
    refused = await guarded().say(f"freeze production {when} because of the release")
    assert refused.code == "VALIDATION_ERROR"
    assert text in refused.text


async def test_a_freeze_that_would_end_a_day_later_is_asked_again(guarded) -> None:
    bot = guarded()
    asked = await bot.say("freeze production until 08:10 because of the release")
    assert "2027-01-15 08:10" in asked.text
    bot.clock.advance(600)
    assert (await bot.press(asked.action("confirm"))).code == "APPROVAL_INVALID"


async def test_a_refusal_to_lift_names_the_tag_to_the_letter(guarded) -> None:
    bot = guarded()
    await bot.confirm("freeze Role=web for 1h because of the release")
    refused = await bot.say("unfreeze Role=web", user="bob")
    assert refused.text.startswith("You may not unfreeze Role=web\n")
    assert refused.text.endswith("can lift it: unfreeze Role=web")


async def test_a_tag_can_be_frozen_and_no_instance_with_it_is_a_warning(guarded) -> None:
    bot = guarded()
    asked = await bot.say("freeze Environment=prod for 1h because of the release")
    assert asked.data["plan"]["warnings"] == ("No instance has the tag Environment=prod now.",)
    await bot.confirm("freeze Role=web for 1h because of the release")
    assert " is frozen until " in (await bot.say("stop web-1")).text
    assert (await bot.say("stop test-1")).status == "pending"


async def test_freezes_outlive_a_restart_and_end_by_themselves(guarded) -> None:
    bot = guarded()
    await bot.confirm("freeze production for 1h because of the release")
    await bot.restart()
    assert " is frozen until " in (await bot.say("stop web-1")).text
    assert (await bot.say("freezes")).data["freezes"][0]["by"] == "bot:alice"
    bot.clock.advance(3600)
    assert (await bot.say("stop web-1")).status == "pending"
    assert (await bot.say("freezes")).data == {"freezes": []}
    assert (await bot.say("unfreeze production")).text.startswith("production is not frozen")


async def test_a_freeze_binds_at_once_in_another_replica(replicas: Callable[..., Any]) -> None:
    one, other = replicas()
    asked = await other.say("stop web-1")
    await one.confirm("freeze production for 1h because of the release")
    assert " is frozen until " in (await other.press(asked.action("confirm"))).text
    bot_lifts = await other.confirm("unfreeze production")
    assert bot_lifts.status == "success"
    assert (await one.say("stop web-1")).status == "pending"
    await other.aclose()


async def test_changes_are_refused_while_the_store_of_freezes_is_away(
    guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = guarded()
    app = await bot.app()
    store = app.composition.key_value_stores.store

    async def away(*_: object) -> dict[str, str]:
        raise StoreUnavailable("The store cannot be read")

    monkeypatch.setattr(store, "facts", away)
    assert (await bot.say("stop web-1")).code == "BACKEND_UNAVAILABLE"
    assert (await bot.say("list instances")).status == "success"


async def test_a_scope_that_left_the_configuration_freezes_all_changes(replicas) -> None:
    one, other = replicas()
    await one.confirm("freeze production for 1h because of the release")
    other.load(smartops_guardrails, name="guardrails", scopes={})
    assert " is frozen until " in (await other.say("stop test-1")).text
    assert (await other.say("list instances")).status == "success"
    await other.confirm("unfreeze production")
    assert (await other.say("stop test-1")).status == "pending"
    await other.aclose()


async def test_a_freeze_of_the_configuration_binds_all_but_excepted_roles(guarded) -> None:
    bot = guarded(
        freezes=[
            freeze(**{"from": "2027-01-15T00:00Z", "until": "2027-01-16T00:00+01:00"},
                   except_roles=["lead"])
        ],
        **BERLIN,
    )  # fmt: skip
    refused = await bot.say("stop web-1")
    assert refused.text == (
        "production is frozen until 2027-01-16 00:00 CET\n\n"
        "Set by the configuration (closing), which alone can lift it. Reason: Year-end "
        "closing. It does not bind the role lead."
    )
    assert (await bot.say("unfreeze production", user="lee")).code == "VALIDATION_ERROR"
    assert (await bot.say("stop web-1", user="lee")).status == "pending"
    at(bot, "2027-01-16T00:00+01:00")
    assert (await bot.say("stop web-1")).status == "pending"


@pytest.mark.parametrize(
    ("before", "first", "last", "after"),
    [
        # spring: there is no 02:30, so it begins at 03:00, and lasts for 3 hours of real time
        ("2027-03-28T01:59+01:00", "2027-03-28T03:00+02:00", "2027-03-28T05:59+02:00",
         "2027-03-28T06:00+02:00"),
        # autumn: it begins at the first 02:30, and not at the second again
        ("2027-10-31T02:29+02:00", "2027-10-31T02:30+02:00", "2027-10-31T04:29+01:00",
         "2027-10-31T04:30+01:00"),
        # within the hour that comes twice, it has begun in the first of both
        ("2027-10-31T02:29+02:00", "2027-10-31T02:15+01:00", "2027-10-31T02:45+01:00",
         "2027-10-31T04:30+01:00"),
        ("2027-01-20T02:29+01:00", "2027-01-20T02:30+01:00", "2027-01-20T05:29+01:00",
         "2027-01-20T05:30+01:00"),
    ],
    ids=["spring", "autumn", "doubled", "winter"],
)  # fmt: skip
async def test_a_repeated_freeze_in_the_nights_when_the_clock_changes(
    guarded, before: str, first: str, last: str, after: str
) -> None:
    bot = guarded(freezes=[freeze(cron="30 2 * * *", duration="3h")], **BERLIN)
    for moment, frozen in ((before, False), (first, True), (last, True), (after, False)):
        at(bot, moment)
        assert ((await bot.say("stop web-1")).status == "error") is frozen, moment


@pytest.mark.parametrize(
    ("now", "until", "end"),
    [
        ("2027-10-31T02:10+02:00", "02:30", "2027-10-31T00:30:00Z"),
        ("2027-10-31T02:40+02:00", "02:30", "2027-10-31T01:30:00Z"),  # the second 02:30
        ("2027-10-31T02:40+01:00", "02:30", "2027-11-01T01:30:00Z"),
        ("2027-03-28T01:50+01:00", "02:30", "2027-03-28T01:30:00Z"),  # 02:30 is left out
        ("2027-03-28T12:00+02:00", "18:00", "2027-03-28T16:00:00Z"),
        ("2027-03-28T12:00+02:00", "2027-12-01T09:00", "2027-12-01T08:00:00Z"),
        ("2027-03-28T12:00+02:00", "2027-12-01T09:00-05:00", "2027-12-01T14:00:00Z"),
    ],
)
async def test_a_time_is_the_next_one_in_the_configured_zone(
    guarded, now: str, until: str, end: str
) -> None:
    bot = guarded(**BERLIN)
    at(bot, now)
    frozen = await bot.confirm(f"freeze production until {until} because of the release")
    assert frozen.data["until"] == end


async def test_freezes_lists_what_is_frozen_and_what_comes_next(guarded) -> None:
    bot = guarded(freezes=[freeze(cron="0 17 * * FRI", duration="63h")], **BERLIN)
    (later,) = (await bot.say("freezes")).data["freezes"]
    assert later["from"] == "2027-01-15T16:00:00Z"
    assert later["until"] == "2027-01-18T07:00:00Z"
    assert later["by"] == "the configuration (closing)"
    assert not later["frozen"]
    at(bot, "2027-01-16T12:00+01:00")
    (now,) = (await bot.say("freezes")).data["freezes"]
    assert now == {**later, "frozen": True}


async def test_reads_are_frozen_only_by_a_scope_that_names_them(guarded) -> None:
    bot = guarded(scopes={"looking": {"effects": ["read"], "commands": "show"}})
    await bot.confirm("freeze looking for 1h because of an audit")
    assert " is frozen until " in (await bot.say("show web-1")).text
    assert (await bot.say("list instances")).status == "success"
    assert (await bot.say("stop web-1")).status == "pending"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"cron": "0 17 * * FRI"}, "needs either from: and until:, or cron: and duration:"),
        ({"cron": "0 0 30 2 *", "duration": "1h"}, "no cron expression"),
        ({"cron": "0 0 0 1 1 *", "duration": "1h"}, "must have five fields"),
        ({"cron": "0 0 * * *", "duration": "1h", "timezone": "Mars"}, "name of a time zone"),
        ({"from": "2027-01-15T00:00Z", "until": "2027-01-14T00:00Z"}, "until: is not after from:"),
        ({"cron": "0 0 * * *", "duration": "1h", "scope": "nothing"}, "which is not in scopes"),
    ],
)
async def test_wrong_freezes_are_refused_at_start(guarded, settings: Any, text: str) -> None:
    with pytest.raises(StartupError, match=text):
        guarded(freezes=[freeze(**settings)])
