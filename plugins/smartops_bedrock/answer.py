"""The model's words as a reply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from smartops import Action, Code, Reply, Text
from smartops.channels import clean

_THOUGHTS = re.compile(r"<thinking>.*?(?:</thinking>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^```[^\n`]*\n(.*?)(?:^```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_LONGEST = 8000
_LABEL = 40
_MOST_ACTIONS = 3


def spoken(text: str) -> str:
    """Return what the model says to the person, without what it says to itself."""
    return clean(_THOUGHTS.sub("", text)).strip()[:_LONGEST]


def answer(text: str, commands: Sequence[str], *, cut: bool, private: bool) -> Reply:
    """Return the reply that says ``text``, from what ``commands`` answered.

    The commands can be pressed: whoever doubts the model can look. ``cut`` says
    that the model was stopped in the middle of it.
    """
    said = f"{text}…" if cut else text
    unique = list(dict.fromkeys(commands))
    return Reply.of(
        *_blocks(said),
        data={"commands": unique},
        actions=[Action("command", _label(item), item) for item in unique[-_MOST_ACTIONS:]],
        private=private,
    )


def _blocks(text: str) -> Iterator[Text | Code]:
    place = 0
    for fence in _FENCE.finditer(text):
        yield from _paragraphs(text[place : fence.start()])
        if fence[1].strip():
            yield Code(fence[1].rstrip("\n"))
        place = fence.end()
    yield from _paragraphs(text[place:])


def _paragraphs(text: str) -> Iterator[Text]:
    for paragraph in _PARAGRAPHS.split(text):
        if paragraph.strip():
            yield Text(paragraph.strip())


def _label(command: str) -> str:
    return command if len(command) <= _LABEL else f"{command[: _LABEL - 1]}…"
