"""What two people in platform of the page see and do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chat_deployment import Deployment, deployed
from smartops_simulators.platform import Platform

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:9/api/messages"


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path) as deployment:
        await deployment.start()
        yield deployment


@pytest.fixture(params=["teams", "slack"])
def chat(request: Any, deployment: Deployment) -> Platform:
    return deployment.teams if request.param == "teams" else deployment.slack


class Person:
    """A person in platform of the page, at one conversation."""

    def __init__(self, chat: Platform, session: aiohttp.ClientSession, **where: str) -> None:
        self.chat, self.session, self.where = chat, session, where
        self.mark = ""

    async def page(self) -> str:
        async with self.session.get(f"{self.chat.url}/", params=self.where) as answer:
            return await answer.text()

    async def news(self) -> dict[str, Any]:
        """Return what the page shows once it has changed."""
        params = {**self.where, "known": self.mark}
        async with self.session.get(f"{self.chat.url}/page/news", params=params) as answer:
            news = await answer.json()
        self.mark = news["mark"]
        return news

    async def sees(self, text: str) -> list[dict[str, Any]]:
        """Return the messages once one of them has this text."""
        while text not in json.dumps(messages := (await self.news())["messages"]):
            pass
        return messages

    async def does(self, name: str, **fields: str) -> tuple[int, str]:
        url = f"{self.chat.url}/page/{name}"
        async with self.session.post(url, params=self.where, data=fields) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_an_empty_page_suggests_commands(chat: Platform, session: Any) -> None:
    alice = Person(chat, session)
    page = await alice.page()
    assert f"SmartOps in a simulated {chat.title}" in page
    assert "list instances" in page
    assert (await alice.news())["messages"] == []


async def test_a_change_is_confirmed_on_the_page(
    deployment: Deployment, chat: Platform, session: Any
) -> None:
    alice, bob = Person(chat, session, place="ops"), Person(chat, session, user="bob", place="ops")
    assert await alice.does("say", text="hello web-server-01") == (202, "")
    await bob.sees("web-server-01")  # also what others say
    assert await alice.does("say", text="stop web-server-01") == (202, "")
    message = (await alice.sees("Yes, proceed"))[-1]["id"]
    what = "Yes, proceed" if chat.title == "Teams" else "confirm"
    assert await alice.does("press", message=message, what=what) == (200, "")
    await deployment.until(lambda: deployment.changes)
    await bob.sees("stopping")
    assert (await alice.does("press", message=message, what=what))[0] == 409
    assert (await alice.does("press", message="17", what=what))[0] == 409


async def test_a_conversation_with_new_messages_is_marked(chat: Platform, session: Any) -> None:
    alice = Person(chat, session, place="ops")
    alone = "with alice" if chat.title == "Teams" else "@alice"
    assert (await alice.news())["unread"] == []
    await Person(chat, session, place=alone).does("say", text="whoami")
    while (await alice.news())["unread"] != [alone]:
        pass
    await Person(chat, session, place=alone).news()
    assert (await Person(chat, session, place="ops").news())["unread"] == []


async def test_the_page_reports_that_smartops_does_not_run(chat: Platform, session: Any) -> None:
    chat.bot = NOWHERE
    alice = Person(chat, session)
    await alice.does("say", text="whoami")
    while not (trouble := (await alice.news())["trouble"]):
        pass
    assert trouble == f"No answer at {NOWHERE}. Is SmartOps running?"


async def test_a_dialog_is_filled_in_and_closed(deployment: Deployment, session: Any) -> None:
    alice = Person(deployment.slack, session, place="ops")
    for what in ("close", "submit"):
        assert await alice.does("say", text="/smartops stop") == (202, "")
        await deployment.slack.until(lambda: deployment.slack.dialogs)
        dialog = deployment.slack.dialogs[0]
        assert (await alice.sees("Continue"))[-1]["id"] == dialog.id
        values = {"smartops.field.targets": "web-server-02"}
        assert await alice.does("press", message=dialog.id, what=what, **values) == (200, "")
        assert deployment.slack.dialogs == []
    await alice.sees("Confirmation required")
