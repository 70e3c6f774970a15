"""The model's text as a reply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from smartops import Action, Code, Reply, Text
from smartops.channels import clean, shortened

_THOUGHTS = re.compile(r"<thinking>.*?(?:</thinking>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^```[^\n`]*\n(.*?)(?:^```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n\s*\n")
_LONGEST = 8000
_LABEL = 40
_MOST_ACTIONS = 3


def visible_text(text: str) -> str:
    """Return the model's text without its thoughts, marked if it is too long to be shown whole."""
    return shortened(clean(_THOUGHTS.sub("", text)).strip(), _LONGEST)


def answer(text: str, commands: Sequence[str], *, cut: bool, private: bool) -> Reply:
    """Return the reply with the model's text and buttons for the commands it is based on.

    ``cut`` is set if the model was stopped at its longest answer.
    """
    unique = list(dict.fromkeys(commands))
    buttons = [Action("command", shortened(item, _LABEL), item) for item in unique[-_MOST_ACTIONS:]]
    return Reply.of(
        *_blocks(f"{text}…" if cut else text),
        data={"commands": unique},
        actions=buttons,
        private=private,
    )


def proposal(command: str) -> Reply:
    """Return the reply with a command that is run only when the person presses its button."""
    button = Action("command", shortened(f"Run {command}", _LABEL), command)
    return Reply.of(Text("This is what was understood:"), Code(command), actions=[button])


def _blocks(text: str) -> Iterator[Text | Code]:
    place = 0
    for fence in _FENCE.finditer(text):
        yield from _paragraphs(text[place : fence.start()])
        if fence[1].strip():
            yield Code(fence[1].rstrip("\n"))
        place = fence.end()
    yield from _paragraphs(text[place:])


def _paragraphs(text: str) -> Iterator[Text]:
    paragraphs = map(str.strip, _PARAGRAPHS.split(text))
    return (Text(paragraph) for paragraph in paragraphs if paragraph)
