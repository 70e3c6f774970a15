"""The page of the simulated Teams draws whatever the bot says."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib.resources import files

import aiohttp
import anyio
import pytest

from contrast import THEMES
from smartops import Action, Reply
from smartops.testing.channels.echo import BLOCKS, WORDS
from smartops_teams.cards import card
from smartops_teams.simulator import Simulator
from smartops_teams.simulator.html import shown_as_html
from smartops_teams.simulator.page import pages
from smartops_teams.simulator.world import CARD, Shown


class Read(HTMLParser):
    """What is read on the page, and in which elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def message(reply: Reply) -> Shown:
    attachment = {"contentType": CARD, "content": json.loads(card(reply))}
    return Shown("1", "bot", {"type": "message", "attachments": [attachment]})


def drawn(shown: Shown, user: str = "alice") -> Read:
    html = shown_as_html(shown, user)
    assert "is not drawn here" not in html
    return Read(html)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_is_drawn(name: str) -> None:
    text = "".join(drawn(message(Reply.of(BLOCKS[name]))).words).replace("\u00a0", " ")
    assert all(word in text for word in WORDS[name])


def test_buttons_show_which_is_meant() -> None:
    yes, no = Action("confirm", "Yes", "confirm_x"), Action("cancel", "No", "cancel_x")
    read = drawn(message(Reply.of("Stop it?", actions=[yes, no])))
    buttons = [attributes for tag, attributes in read.elements if tag == "button"]
    assert [(button["value"], button["class"]) for button in buttons] == [
        ("Yes", "positive"),
        ("No", "default"),
    ]


def test_columns_have_their_shares_of_the_width() -> None:
    read = drawn(message(Reply.of(BLOCKS["table"])))
    widths = [str(of["style"]) for tag, of in read.elements if tag == "col"]
    shares = [float(width.removeprefix("width:").removesuffix("%")) for width in widths]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_marks_say_who_sees_it_and_whether_it_was_changed() -> None:
    shown = message(Reply.of("Stopping web-1."))
    assert "Changed" not in drawn(shown).words
    shown.edits = 1
    shown.views["bob"] = json.loads(card(Reply.of("Not for you.")))
    assert {"Changed", "Stopping web-1."} <= set(drawn(shown).words)
    assert {"Only you see this", "Not for you."} <= set(drawn(shown, "bob").words)


@pytest.mark.anyio
async def test_everybody_who_looks_on_sees_what_is_new() -> None:
    async with Simulator.start(pages=pages) as teams, aiohttp.ClientSession() as session:
        seen: list[str] = []

        async def look(user: str) -> None:
            where = {"user": user, "conversation": "ops", "known": ""}
            async with session.get(f"{teams.url}/page/messages", params=where) as first:
                where["known"] = (await first.json())["mark"]
            looking.append(user)
            async with session.get(f"{teams.url}/page/messages", params=where) as news:
                seen.append((await news.json())["html"])

        looking: list[str] = []
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(look, "alice")
                group.start_soon(look, "bob")
                while len(looking) < 2:
                    await anyio.sleep(0.01)
                await teams.says("hello", conversation="ops", mention=False)
                teams.sender.changed()
        assert len(seen) == 2
        assert all("hello" in html for html in seen)


def test_the_page_has_the_published_colours() -> None:
    style = files("smartops_teams.simulator").joinpath("page.css").read_text()
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    dark = light + rest[: rest.index("* {")]
    for css, theme in ((light, THEMES["light"]), (dark, THEMES["dark"])):
        for colour in (*theme["behind"].values(), *theme["colours"].values()):
            assert colour in css.replace("#fff;", "#ffffff;")
