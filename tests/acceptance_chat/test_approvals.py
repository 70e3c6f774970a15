"""Approval by other people, across Slack and Teams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from chat_deployment import Deployment, Platform
from smartops import Message, Reply
from smartops.channels import plain
from smartops_simulators.teams.model import words

pytestmark = pytest.mark.anyio


def place_of(deployment: Deployment, platform: str, name: str) -> str:
    """Return a place as it is written in the configuration."""
    if platform == "slack":
        [team] = deployment.slack.settings()["workspaces"]
        return f"slack/{team}/{deployment.slack.channel(name).id}"
    chat = deployment.teams.conversation(name)
    return "/".join(filter(None, ("teams", chat.tenant, chat.team, chat.id)))


class Approvals:
    """Alice may stop machines if leads approve it, who are asked in Slack and in Teams."""

    def __init__(self, deployment: Deployment, **rule: Any) -> None:
        self.deployment = deployment
        self.slack, self.teams = deployment.platforms["slack"], deployment.platforms["teams"]
        roles = {"alice": ["operator"], "bob": ["lead"], "carol": ["lead"], "dave": ["lead"]}
        deployment.settings = {
            "people": {name: self.person(name, *held) for name, held in roles.items()},
            "roles": {"operator": {}, "lead": {}, "oncall": {}},
            "rules": [{"name": "operators", "allow": {"roles": ["operator"]}}],
            "approvals": [
                {
                    "name": "two-leads",
                    "for": {"effects": ["change", "dangerous"]},
                    "from": {"roles": ["lead"]},
                    "count": 2,
                    "ask": [place_of(deployment, name, "leads") for name in ("slack", "teams")],
                    **rule,
                }
            ],
        }

    def person(self, name: str, *roles: str) -> dict[str, Any]:
        ids = [platform.identity(name) for platform in (self.slack, self.teams)]
        return {"roles": list(roles), "identities": ids}

    async def request(self, platform: Platform) -> None:
        """Request a stop as alice, and wait until it is posted in both places."""
        await self.deployment.start()
        await self.teams.says("whoami", user="bob", place="elsewhere")  # where Teams takes posts
        await self.teams.settled("elsewhere")
        await platform.says("stop web-server-01")
        question = await platform.asked()
        await platform.clicks(question, "confirm")
        await self.deployment.until(self.posts)

    def posts(self, text: str = "") -> Sequence[Any]:
        """Return the posts in both places if both have the text."""
        first = [platform.answers("leads")[:1] for platform in (self.slack, self.teams)]
        found = [item for items in first for item in items if text in item.text]
        return found if len(found) == 2 else []

    async def shown_everywhere(self, text: str, asked_in: Platform) -> None:
        await self.deployment.until(
            lambda: self.posts(text) and any(text in item.text for item in asked_in.answers())
        )


@pytest.mark.parametrize("asked_in", ["slack", "teams"])
async def test_two_of_three_approve_across_platforms_with_a_restart_between_each_step(
    stopped_deployment: Deployment, asked_in: str
) -> None:
    deployment = stopped_deployment
    approvals = Approvals(deployment)
    platform = deployment.platforms[asked_in]
    await approvals.request(platform)
    await approvals.shown_everywhere("0 of 2 lead", platform)
    await deployment.restart()
    in_slack, in_teams = approvals.posts()
    assert in_slack.buttons
    await approvals.slack.clicks(in_slack, "confirm", user="bob")
    await approvals.shown_everywhere("1 of 2 lead: bob", platform)
    assert deployment.changes == []
    await deployment.restart()
    for stale in [approvals.teams.remembered(in_teams) for _ in range(2)]:
        await approvals.teams.clicks(stale, "confirm", user="carol")
    await approvals.shown_everywhere("approved by bob, carol", platform)
    assert len(deployment.changes) == 1
    assert not any("confirm" in x.buttons for x in (*approvals.posts(), *platform.answers()))
    assert (approvals.slack.rejected(), approvals.teams.rejected()) == ([], [])


async def test_a_click_that_does_not_count_is_refused_to_its_person_alone(
    stopped_deployment: Deployment,
) -> None:
    approvals = Approvals(stopped_deployment)
    await approvals.request(approvals.slack)
    in_slack, in_teams = approvals.posts()
    await approvals.slack.clicks(in_slack, "confirm", user="alice")
    await approvals.teams.clicks(in_teams, "confirm", user="alice")
    for platform in (approvals.slack, approvals.teams):
        await stopped_deployment.until(
            lambda platform=platform: "cannot approve" in platform.private("alice")
        )
    assert approvals.posts("0 of 2 lead")


async def test_a_denial_asks_for_its_reason_and_ends_the_request(
    stopped_deployment: Deployment,
) -> None:
    approvals = Approvals(stopped_deployment)
    await approvals.request(approvals.teams)
    in_slack, _ = approvals.posts()
    await approvals.slack.clicks(in_slack, "cancel", user="bob")
    slack = stopped_deployment.slack
    await stopped_deployment.until(lambda: slack.dialogs)
    await slack.submits(slack.dialogs[-1], {"reason": "it is in use"})
    await approvals.shown_everywhere("bob denied it: it is in use", approvals.teams)
    assert not any(item.buttons for item in (*approvals.posts(), *approvals.teams.answers()))
    assert stopped_deployment.changes == []


async def test_a_request_is_escalated_once_and_expires(stopped_deployment: Deployment) -> None:
    further = place_of(stopped_deployment, "slack", "managers")
    approvals = Approvals(
        stopped_deployment,
        within=timedelta(minutes=30),
        escalate={"after": timedelta(minutes=10), "ask": [further]},
    )
    await approvals.request(approvals.slack)
    assert approvals.slack.answers("managers") == []
    await stopped_deployment.passes(10 * 60)
    await stopped_deployment.until(lambda: approvals.slack.answers("managers"))
    await stopped_deployment.restart()
    await stopped_deployment.passes(20 * 60)
    await approvals.shown_everywhere("Not approved in time", approvals.slack)
    await approvals.slack.says_at_last("Not approved in time", "managers")
    [escalated] = approvals.slack.answers("managers")
    assert not escalated.buttons
    assert stopped_deployment.changes == []


async def test_an_emergency_is_posted_and_runs_at_once(stopped_deployment: Deployment) -> None:
    approvals = Approvals(stopped_deployment)
    told = place_of(stopped_deployment, "slack", "leads")
    stopped_deployment.settings |= {"emergency": {"roles": ["oncall"], "tell": [told]}}
    stopped_deployment.settings["people"]["alice"] = approvals.person("alice", "operator", "oncall")
    await stopped_deployment.start()
    await approvals.slack.says('stop web-server-01 --emergency "it burns"')
    await approvals.slack.clicks(await approvals.slack.asked(), "confirm")
    await stopped_deployment.until(
        lambda: any(
            "EMERGENCY of alice: it burns" in x.text for x in approvals.slack.answers("leads")
        )
    )
    assert len(stopped_deployment.changes) == 1


async def test_a_denial_in_teams_replaces_the_card_by_a_form_for_its_person_alone(
    stopped_deployment: Deployment,
) -> None:
    approvals = Approvals(stopped_deployment)
    await approvals.request(approvals.slack)
    _, in_teams = approvals.posts()
    teams = stopped_deployment.teams
    await approvals.teams.clicks(in_teams, "cancel", user="bob")
    assert "Why do you deny" in words(in_teams.seen_by("bob"))
    assert "Approval required" in words(in_teams.seen_by("carol"))
    await approvals.teams.clicks(in_teams, "Back", user="bob")
    assert "Approval required" in words(in_teams.seen_by("bob"))
    await approvals.teams.clicks(in_teams, "cancel", user="bob")
    await teams.clicks(in_teams, "form", user="bob", inputs={"reason": "it is in use"})
    await approvals.shown_everywhere("bob denied it: it is in use", approvals.slack)
    assert stopped_deployment.changes == []


async def test_a_late_update_does_not_bring_the_buttons_back(
    stopped_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update after the first decision arrives after the one after the last decision."""
    approvals = Approvals(stopped_deployment)
    await approvals.request(approvals.slack)
    assert stopped_deployment.app is not None
    channel = next(item for item in stopped_deployment.app.channels if item.name == "slack")
    send = channel.send

    async def slow(message: Message, reply: Reply, *, replaces: str = "") -> str:
        if "1 of 2" in plain(reply):
            await stopped_deployment.clock.sleep(20)
        return await send(message, reply, replaces=replaces)

    monkeypatch.setattr(channel, "send", slow)
    in_slack, in_teams = approvals.posts()
    await approvals.slack.clicks(in_slack, "confirm", user="bob")
    await stopped_deployment.passes(1)
    await approvals.teams.clicks(in_teams, "confirm", user="carol")
    await stopped_deployment.passes(90)
    shown = [*approvals.posts(), *approvals.slack.answers()]
    assert len(shown) == 3
    assert not any("confirm" in item.buttons for item in shown)
    assert all("approved by bob, carol" in item.text for item in shown)
    assert len(stopped_deployment.changes) == 1
