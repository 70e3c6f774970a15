"""A reply as messages and files that Slack takes, whatever the reply holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from smartops import Action, Reply, Severity
from smartops.channels import Form, clean, json_size, one_line, plain

from .blocks import File, Files, render
from .forms import LONGEST_VALUE
from .interactions import button_id
from .richtext import Block, emoji, mention, plain_text, preformatted, rich, run
from .text import escaped

ROOM = 12_000
"""Bytes of JSON of a message's blocks. Slack's own bound is near 13,000, and not written down."""

MOST_BLOCKS = 50
MOST_MESSAGES = 6
"""A reply that needs more messages is cut there, and attached as a file."""

LONGEST_FALLBACK = 2_000
_BUTTONS_IN_A_ROW = 25
_LONGEST_LABEL = 75


@dataclass(frozen=True, slots=True)
class Part:
    """One message: its blocks, and the text for notifications and old clients."""

    text: str
    blocks: list[Block]

    @classmethod
    def saying(cls, text: str) -> Self:
        """Return a part that says one thing."""
        return cls(escaped(text), [rich([*emoji(Severity.WARNING), *run(text)])])

    def members(self) -> dict[str, Any]:
        """Return it as members of a message."""
        return {"text": self.text, "blocks": self.blocks}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply. ``deciding`` is the place of the part that holds the buttons."""

    parts: tuple[Part, ...]
    files: tuple[File, ...]
    deciding: int


def answer(reply: Reply, *, asker: str = "", asked: str = "") -> Answer:
    """Return what shows a reply.

    ``asked`` is what ``asker`` typed where nobody else could see it; the answer
    then begins with it.
    """
    files = Files()
    head = _question(asker, asked) if asked else []
    units = [unit for block in reply.view for unit in _units(block, files)]
    buttons = _buttons(reply.actions)
    if not (units or buttons):
        units = [[rich(run("SmartOps answered."))]]
    groups = _packed([*head, *units], buttons)
    if len(groups) > MOST_MESSAGES:
        groups = _cut(groups, buttons, files.add("Answer", plain(reply, actions=True)))
    text = escaped(plain(reply).strip() or "SmartOps answered.")
    parts = [Part(_fallback(text, place, len(groups)), group) for place, group in enumerate(groups)]
    return Answer(tuple(parts), tuple(files.files), len(parts) - 1 if buttons else 0)


def surroundings(reply: Reply) -> list[Block]:
    """Return the blocks of a reply without its form, as many as fit beside it."""
    files = Files()
    blocks = [
        part for block in reply.view if not isinstance(block, Form) for part in render(block, files)
    ]
    return [] if files.files else blocks[:40]


Unit = list[Block]
"""Blocks that must stand in one message."""


def _units(block: object, files: Files) -> list[Unit]:
    blocks = render(block, files)
    return [blocks] if isinstance(block, Form) else [[part] for part in blocks]


def _question(asker: str, asked: str) -> list[Unit]:
    return [[rich([*mention(asker), *run(" asked: "), *run(one_line(asked, 500), code=True)])]]


def _fallback(text: str, place: int, count: int) -> str:
    if place:
        return f"({place + 1} of {count})"
    if len(text) <= LONGEST_FALLBACK:
        return text
    cut = text[:LONGEST_FALLBACK]
    return f"{cut[: cut.rfind('&')] if '&' in cut[-5:] else cut}…"


def _buttons(actions: Sequence[Action]) -> list[Block]:
    """Return rows of buttons; a command that is too long for one is shown, to be typed."""
    buttons, typed = [], []
    for number, action in enumerate(actions):
        label = one_line(action.label, _LONGEST_LABEL) or action.type
        if len(action.value) > LONGEST_VALUE:
            typed += [rich(run(f"{label}:", bold=True)), preformatted(clean(action.value))]
            continue
        button = {
            "type": "button",
            "action_id": button_id(action.type, number),
            "text": plain_text(label),
            "value": action.value,
        }
        if action.type == "confirm":
            button["style"] = "primary"
        buttons.append(button)
    return [*typed, *({"type": "actions", "elements": row} for row in _in_rows(buttons))]


def _in_rows(buttons: Iterable[Block]) -> Iterable[list[Block]]:
    row: list[Block] = []
    for button in buttons:
        if row and (len(row) == _BUTTONS_IN_A_ROW or json_size([*row, button]) > ROOM - 1000):
            yield row
            row = []
        row.append(button)
    if row:
        yield row


def _packed(units: list[Unit], buttons: list[Block]) -> list[list[Block]]:
    """Put units into as few messages as hold them; the buttons stand together, at the end."""
    groups: list[list[Block]] = [[]]
    for unit in units:
        _add(groups, unit)
    if buttons and groups[-1] and not _fits(groups[-1], buttons):
        groups.append([])
    for block in buttons:
        _add(groups, [block])
    return groups


def _add(groups: list[list[Block]], unit: Unit) -> None:
    if groups[-1] and not _fits(groups[-1], unit):
        groups.append([])
    groups[-1] += unit


def _fits(group: list[Block], unit: Unit) -> bool:
    return len(group) + len(unit) <= MOST_BLOCKS and json_size(group) + json_size(unit) <= ROOM


def _cut(groups: list[list[Block]], buttons: list[Block], name: str) -> list[list[Block]]:
    remark = run(f"The whole answer is in the file {name}.", bold=True)
    return [
        *groups[: MOST_MESSAGES - 1],
        *_packed([[rich([*emoji(Severity.INFO), *remark])]], buttons),
    ]
