"""The page draws whatever SmartOps says in Teams and in Slack."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.resources import files

import pytest

from contrast import THEMES
from smartops import Action, Reply
from smartops.testing.channels.echo import BLOCKS, WORDS
from smartops_simulators.platform import BOT
from smartops_simulators.slack import File
from smartops_simulators.slack import Shown as SlackShown
from smartops_simulators.slack.draw import message_as_html
from smartops_simulators.slack.limits import faults_of_message
from smartops_simulators.teams import Shown as TeamsShown
from smartops_simulators.teams.draw import shown_as_html
from smartops_simulators.teams.world import CARD
from smartops_slack.answers import answer
from smartops_teams.cards import card

ASKED = Reply.of(
    "Stop it?",
    actions=[Action("confirm", "Yes", "confirm_x"), Action("cancel", "No", "cancel_x")],
)


class Read(HTMLParser):
    """What is read on the page, and in which elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        assert "is not drawn here" not in html
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words).replace("\u00a0", " ")

    def classes(self, tag: str) -> list[str | None]:
        return [attributes["class"] for name, attributes in self.elements if name == tag]


def message(reply: Reply) -> TeamsShown:
    attachment = {"contentType": CARD, "content": card(reply)}
    return TeamsShown("1", BOT, {"type": "message", "attachments": [attachment]})


def in_teams(reply: Reply) -> Read:
    return Read(shown_as_html(message(reply), "alice"))


def in_slack(reply: Reply) -> Read:
    html = ""
    for part in answer(reply).parts:
        assert faults_of_message(part.members()) == []
        html += message_as_html(SlackShown("1.0", "C1", BOT, blocks=part.blocks), {})
    return Read(html)


@pytest.mark.parametrize("drawn", [in_teams, in_slack])
@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_is_drawn(drawn, name: str) -> None:
    assert all(word in drawn(Reply.of(BLOCKS[name])).text for word in WORDS[name])


def test_buttons_show_which_is_meant() -> None:
    assert in_teams(ASKED).classes("button") == ["positive", "default"]
    assert in_slack(ASKED).classes("button") == ["primary", ""]


@pytest.mark.parametrize("drawn", [in_teams, in_slack])
def test_markup_in_a_reply_stays_text(drawn) -> None:
    read = drawn(Reply.of("<img src=x> <@U1> *bold*"))
    assert "<img src=x> <@U1> *bold*" in read.text
    assert "img" not in {tag for tag, _ in read.elements}


def test_marks_say_who_sees_a_message_and_whether_it_was_edited() -> None:
    shown = message(Reply.of("Stopping web-1."))
    assert "Changed" not in Read(shown_as_html(shown, "alice")).words
    shown.edits = 1
    shown.views["bob"] = card(Reply.of("Not for you."))
    assert {"Changed", "Stopping web-1."} <= set(Read(shown_as_html(shown, "alice")).words)
    assert {"Only you see this", "Not for you."} <= set(Read(shown_as_html(shown, "bob")).words)
    file = File("F1", "output.txt", 12, b"x" * 12, title="Output")
    private = SlackShown("1.0", "C1", BOT, fallback="Done", to="bob", files=[file])
    text = " ".join(Read(message_as_html(private, {})).words)
    assert "Only visible to you" in text
    assert "output.txt, 12 bytes" in text


def test_the_page_has_the_published_colours() -> None:
    style = files("smartops_simulators").joinpath("page.css").read_text()
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    light = light.partition(".slack")[0]
    dark = light + rest[: rest.index(".slack {")]
    for css, theme in ((light, THEMES["light"]), (dark, THEMES["dark"])):
        for colour in (*theme["behind"].values(), *theme["colours"].values()):
            assert colour in css.replace("#fff;", "#ffffff;")
