"""Alerts in Slack and Teams: one post, edited while they change, and continued in its thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from chat_deployment import Deployment, Platform
from smartops import hookimpl
from smartops.alerts import Group, state_of
from smartops.app import App
from smartops.channels import Event, EventSource, Inbound
from smartops.store.alert_posts import POST_LEASE

pytestmark = pytest.mark.anyio


class Source(EventSource):
    name = "prometheus"

    async def authenticate(self, inbound: Inbound) -> None: ...

    async def read(self, inbound: Inbound) -> Sequence[Event]:
        return []


class Plugin:
    @hookimpl
    def register_event_sources(self) -> Sequence[EventSource]:
        return [Source()]


def place_of(deployment: Deployment, platform: str, name: str) -> str:
    if platform == "slack":
        [team] = deployment.slack.settings()["workspaces"]
        return f"slack/{team}/{deployment.slack.channel(name).id}"
    chat = deployment.teams.conversation(name)
    return f"teams/{chat.tenant}/{chat.team}/{chat.id}"


@pytest.fixture
async def deployment(stopped_deployment: Deployment) -> AsyncIterator[Deployment]:
    """A deployment that posts alerts in the channel ``alerts`` of both platforms."""
    deployment = stopped_deployment
    deployment.extra["alerts"] = Plugin()
    places = [place_of(deployment, name, "alerts") for name in ("slack", "teams")]
    deployment.settings["routes"] = [
        {
            "name": "all",
            "to": places,
            "when": {"severity": "critical"},
            "suggest": ["list instances --name {host}", "show {unknown}"],
        }
    ]
    deployment.settings["rules"] = [
        {"name": "all", "allow": {"roles": "operator"}},
        {"name": "acks", "allow": {"roles": "operator", "commands": ["ack", "unack"]}},
    ]
    await deployment.start()
    for platform in deployment.platforms.values():
        await platform.says("list instances", place="elsewhere")  # Teams says where it takes posts
        await platform.settled("elsewhere")
    yield deployment
    for platform in deployment.platforms.values():
        assert platform.rejected() == []


def event(status: str = "firing", host: str = "web-server-01", **more: Any) -> Event:
    began = datetime.fromtimestamp(1_700_000_000, UTC)
    labels = {"alertname": "DiskFull", "host": host}
    known = {"severity": "critical", "labels": labels, **more}
    return Event(f"DiskFull-{host}", status, f"Disk full on {host}", began, **known)


async def report(deployment: Deployment, *events: Event) -> None:
    assert deployment.app is not None
    await deployment.app.report(Source(), events)


async def test_an_alert_is_posted_once_and_edited_until_it_is_resolved(
    deployment: Deployment, platform: Platform
) -> None:
    for _ in range(3):  # as several Alertmanagers report it
        await report(deployment, event())
    await deployment.until(lambda: platform.answers("alerts"))
    [post] = platform.answers("alerts")
    assert "Disk full on web-server-01" in post.text
    assert "Firing since" in post.text
    buttons = ["Acknowledge", "Silence for 1 hour", "list instances --name web-server-01"]
    assert post.buttons == buttons

    await platform.clicks(post, "Acknowledge")
    await deployment.until(lambda: "acknowledged by alice" in post.text)
    await deployment.restart()
    await deployment.passes(30)
    assert "Acknowledge" not in post.buttons

    await report(deployment, event("resolved"))
    await deployment.until(lambda: "Resolved after" in post.text)
    await deployment.until(lambda: "Resolved after" in platform.answers("alerts")[-1].text)
    assert post.buttons == []
    first, *replies = platform.answers("alerts")
    assert first is post
    texts = [item.text for item in replies]
    assert any("alice works on this: Disk full on web-server-01" in text for text in texts)
    root = platform.thread(post) or post.id
    assert {platform.thread(item) for item in replies} == {root}
    await deployment.passes(30)
    assert len(platform.answers("alerts")) == 1 + len(replies)


async def test_two_replicas_post_once(deployment: Deployment, platform: Platform) -> None:
    async with App(deployment.composed()):
        await report(deployment, event())
        await deployment.until(lambda: platform.answers("alerts"))
        await deployment.passes(30)
        await report(deployment, event("resolved"))
        await deployment.until(lambda: len(platform.answers("alerts")) == 2)
        await deployment.passes(30)
    post, reply = platform.answers("alerts")
    assert "Resolved after" in post.text
    assert "Resolved after" in reply.text


async def test_a_place_that_cannot_be_reached_is_not_ready(
    stopped_deployment: Deployment,
) -> None:
    deployment = stopped_deployment
    deployment.extra["alerts"] = Plugin()
    deployment.settings["routes"] = [{"name": "all", "to": ["slack/T0OTHER/C1"]}]
    await deployment.start()
    assert deployment.app is not None
    await report(deployment, event())
    await deployment.passes(10)
    [check] = [item for item in await deployment.app.readiness() if item.name.startswith("place")]
    assert not check.ok
    assert "is not among workspaces" in check.text


async def test_alerts_that_are_alike_share_a_post(
    deployment: Deployment, platform: Platform
) -> None:
    hosts = [f"web-{number}" for number in range(300)]
    await report(deployment, *(event(host=host) for host in hosts))
    await deployment.until(lambda: platform.answers("alerts"))
    [post] = platform.answers("alerts")
    assert "300 alerts" in post.text
    assert "290 more" in post.text

    await report(deployment, *(event("resolved", host) for host in hosts[1:]))
    await deployment.until(lambda: "300 alerts" not in post.text)
    assert "Disk full on web-0" in post.text


async def test_what_no_route_takes_or_a_silence_covers_is_not_posted(
    deployment: Deployment, platform: Platform
) -> None:
    await report(deployment, event(severity="warning"))
    await deployment.passes(30)
    assert platform.answers("alerts") == []


async def test_a_new_occurrence_gets_a_new_post(deployment: Deployment, platform: Platform) -> None:
    await report(deployment, event())
    await deployment.until(lambda: platform.answers("alerts"))
    await report(deployment, event("resolved"))
    await deployment.until(lambda: "Resolved" in platform.answers("alerts")[0].text)
    await deployment.passes(10)
    count = len(platform.answers("alerts"))

    later = datetime.fromtimestamp(1_700_000_100, UTC)
    again = Event("DiskFull-web-server-01", "firing", "Disk full again", later, "critical")
    await report(deployment, again)
    await deployment.until(lambda: len(platform.answers("alerts")) > count)
    assert "Disk full again" in platform.answers("alerts")[-1].text


async def test_a_post_that_may_exist_is_not_made_again_before_there_is_news(
    deployment: Deployment, platform: Platform
) -> None:
    """A process was killed after it began a post, and before it stored the platform's id of it."""
    app = deployment.app
    assert app is not None
    await report(deployment, event())
    [alert] = await app.store.alerts()
    group = '{"alertname": "DiskFull", "source": "prometheus"}'
    for place in app.settings.routes[0].to:
        assert await app.store.open_post("all", group, place, state_of(Group([alert], [])))
    await deployment.passes(POST_LEASE + 30)
    assert platform.answers("alerts") == []

    await report(deployment, event(host="web-server-02"))
    await deployment.until(lambda: platform.answers("alerts"))
    assert "2 alerts" in platform.answers("alerts")[0].text
