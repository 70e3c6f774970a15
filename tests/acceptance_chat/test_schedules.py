"""Commands that run at times: as their owner, once over replicas, with replies in a place."""

from __future__ import annotations

import pytest

from chat_deployment import Deployment, Platform
from smartops.app import App
from smartops.schedules import KEEP

pytestmark = pytest.mark.anyio

# The manual clock begins at 2027-01-15, 08:00 UTC.
TEXT = 'schedule "list instances" every day at 08:07'


async def scheduled(deployment: Deployment, platform: Platform, text: str = TEXT) -> str:
    """Make a schedule in the channel ``ops``, and return its id."""
    await platform.says(text)
    asked = await platform.asked()
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: "runs next at" in asked.text)
    assert deployment.app is not None
    [made] = await deployment.app.store.facts(KEEP)
    return made


def lists(platform: Platform) -> int:
    """How many lists of instances were posted."""
    return sum("web-server-02" in item.text for item in platform.answers())


async def test_a_schedule_runs_once_over_replicas_and_restarts(
    deployment: Deployment, platform: Platform
) -> None:
    made = await scheduled(deployment, platform)
    assert lists(platform) == 0
    async with App(deployment.composed()):
        await deployment.passes(7 * 60)
        await deployment.until(lambda: lists(platform))
        await deployment.passes(30)
    await deployment.restart()
    await deployment.passes(30)
    assert lists(platform) == 1

    await platform.says(f"unschedule {made}")
    await deployment.until(lambda: any(item.buttons for item in platform.answers()))
    assert platform.rejected() == []


async def test_a_run_has_the_rights_of_its_owner_at_that_moment(
    deployment: Deployment, platform: Platform
) -> None:
    await scheduled(deployment, platform)
    await deployment.stop()
    deployment.settings["people"] = {}  # alice has left
    await deployment.start()
    await deployment.passes(7 * 60)
    await deployment.until(lambda: "does not know you" in platform.answers()[-1].text)
    assert lists(platform) == 0


async def test_a_scheduled_change_asks_its_owner(
    deployment: Deployment, platform: Platform
) -> None:
    await scheduled(deployment, platform, 'schedule "reboot web-server-01" cron "7 8 * * *"')
    await deployment.passes(7 * 60)
    asked = await platform.asked()
    assert "Confirmation required" in asked.text
    assert deployment.changes == []
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: deployment.changes)
    assert [change["what"] for change in deployment.changes] == ["reboot"]


async def test_what_was_missed_for_long_and_what_is_paused_does_not_run(
    deployment: Deployment, platform: Platform
) -> None:
    made = await scheduled(deployment, platform)
    await deployment.stop()
    deployment.clock.advance(3600)
    await deployment.start()
    await deployment.passes(30)
    assert lists(platform) == 0

    await platform.says(f"pause {made}")
    asked = await platform.asked()
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: "does not run until" in asked.text)
    deployment.clock.advance(23 * 3600)
    await deployment.passes(120)
    assert lists(platform) == 0


async def test_run_schedule_now(deployment: Deployment, platform: Platform) -> None:
    made = await scheduled(deployment, platform)
    await platform.says(f"run schedule {made} now")
    asked = await platform.asked()
    await platform.clicks(asked, "confirm")
    await deployment.until(lambda: lists(platform))
    await deployment.passes(60)
    assert lists(platform) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('schedule "list instances" every fortnight at 09:00', "That is no time"),
        ('schedule "list instances" every day at 25:00', "That is no time"),
        ('schedule "list instances" cron "0 0 30 2 *"', "no cron expression"),
        ('schedule "list instances" cron "0 0 0 1 1 1"', "five fields"),
        ('schedule "list instances" every day at 09:00 in Berlin', "no time zone"),
        ('schedule "lst instances" every day at 09:00', "No command matches"),
        ('schedule "whoami" every day at 09:00', "cannot be scheduled"),
        ('schedule "list instances" every day at 09:00 to nowhere', "Nothing can be posted"),
        ("pause sc-00000000", "There is no schedule"),
    ],
)
async def test_mistakes_are_explained(
    deployment: Deployment, platform: Platform, text: str, why: str
) -> None:
    await platform.says(text)
    await deployment.until(lambda: platform.answers() or platform.private("alice"))
    await platform.settled() if platform.answers() else None
    shown = [item.text for item in platform.answers()]
    await deployment.until(lambda: why in "\n".join([*shown, platform.private("alice")]))
