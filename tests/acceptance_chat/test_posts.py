"""SmartOps posts in a channel where no person has asked it, edits the post, and continues it."""

from __future__ import annotations

import anyio
import pytest

from chat_deployment import Deployment, Platform
from smartops import Message, Reply, ValidationFailed
from smartops.channels import Channel, Place

pytestmark = pytest.mark.anyio


def channel_of(deployment: Deployment, platform: Platform) -> Channel:
    assert deployment.app is not None
    return next(item for item in deployment.app.channels if item.name == platform.name)


def place_of(deployment: Deployment, platform: Platform, name: str = "ops") -> Place:
    if platform.name == "slack":
        [team] = deployment.slack.settings()["workspaces"]
        return Place("slack", team, "", deployment.slack.channel(name).id)
    chat = deployment.teams.conversation(name)
    return Place("teams", chat.tenant, chat.team, chat.id)


async def posted(
    deployment: Deployment, channel: Channel, message: Message, text: str, replaces: str = ""
) -> str:
    """Send a post while the clock advances, as platforms limit how often one may be sent."""
    shown: list[str] = []

    async def send() -> None:
        shown.append(await channel.send(message, Reply.of(text), replaces=replaces))

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await deployment.until(lambda: shown)
    return shown[0]


async def test_a_post_is_edited_and_continued_in_its_thread(
    deployment: Deployment, platform: Platform
) -> None:
    await platform.says("list instances", place="elsewhere")  # Teams says where it takes posts
    await platform.settled("elsewhere")
    await deployment.restart()
    channel, place = channel_of(deployment, platform), place_of(deployment, platform)

    message = await channel.address(place, "post-1")
    shown = await posted(deployment, channel, message, "disk full")
    assert await posted(deployment, channel, message, "disk free", replaces=shown) == shown
    reply = await channel.address(place, "post-2", thread=shown)
    await posted(deployment, channel, reply, "alice cleaned up")

    first, second = platform.answers()
    assert (first.text, second.text) == ("disk free", "alice cleaned up")
    assert platform.thread(second) == (platform.thread(first) or first.id)
    assert platform.rejected() == []


async def test_only_configured_organisations_are_posted_to(
    deployment: Deployment, platform: Platform
) -> None:
    channel = channel_of(deployment, platform)
    with pytest.raises(ValidationFailed, match="is not among"):
        await channel.address(Place(platform.name, "T0OTHER", "", "C1"), "post-1")
