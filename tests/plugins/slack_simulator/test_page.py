"""The page of the simulated Slack draws whatever the bot says."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from smartops import Action, Reply
from smartops.testing.channels.echo import BLOCKS, WORDS
from smartops_slack.answers import answer
from smartops_slack.simulator.blocks import faults_of_message
from smartops_slack.simulator.html import message_as_html
from smartops_slack.simulator.world import BOT, File, Shown


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


def drawn(reply: Reply) -> Read:
    html = ""
    for part in answer(reply).parts:
        assert faults_of_message(part.members()) == []
        html += message_as_html(Shown("1.0", "C1", BOT, blocks=part.blocks), {})
    assert "is not drawn here" not in html
    return Read(html)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_is_drawn(name: str) -> None:
    text = "".join(drawn(Reply.of(BLOCKS[name])).words)
    assert all(word in text for word in WORDS[name])


def test_buttons_show_which_is_meant() -> None:
    yes, no = Action("confirm", "Yes", "confirm_x"), Action("cancel", "No", "cancel_x")
    read = drawn(Reply.of("Stop it?", actions=[yes, no]))
    buttons = [attributes for tag, attributes in read.elements if tag == "button"]
    assert [button["class"] for button in buttons] == ["primary", ""]


def test_what_was_typed_stays_text() -> None:
    read = drawn(Reply.of("<img src=x> <@U1> *bold*"))
    assert "<img src=x> <@U1> *bold*" in read.words
    assert "img" not in {tag for tag, _ in read.elements}


def test_marks_say_who_sees_it_and_what_is_attached() -> None:
    file = File("F1", "output.txt", 12, b"x" * 12, title="Output")
    shown = Shown("1.0", "C1", BOT, fallback="Done", to="bob", files=[file])
    text = " ".join(Read(message_as_html(shown, {})).words)
    assert "Only visible to you" in text
    assert "output.txt, 12 bytes" in text
    assert "(edited)" in message_as_html(Shown("1.0", "C1", BOT, fallback="Done", edits=1), {})
