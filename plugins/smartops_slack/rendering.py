"""A whole reply as Slack messages and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from smartops import Action, Reply, Severity
from smartops.channels import Form, clean, grouped, json_size, one_line, plain

from .blocks import File, Files, render_block
from .forms import LONGEST_VALUE, button
from .richtext import Block, emoji, mention, preformatted, rich, run
from .text import escaped

ROOM = 12_000
"""Bytes of JSON of a message's blocks. Slack's own limit is near 13,000, and not documented."""

MOST_BLOCKS = 50
MOST_MESSAGES = 6
"""A reply that needs more messages is cut there, and attached as a file."""

LONGEST_FALLBACK = 2_000
_BUTTONS_IN_A_ROW = 25
_LONGEST_LABEL = 75


@dataclass(frozen=True, slots=True)
class Body:
    """The content of one message: blocks, and text for notifications and old clients."""

    text: str
    blocks: list[Block]

    @classmethod
    def warning(cls, text: str) -> Self:
        """Return the body of a one-line warning."""
        return cls(escaped(text), [rich([*emoji(Severity.WARNING), *run(text)])])

    def members(self) -> dict[str, Any]:
        """Return the members of a message."""
        return {"text": self.text, "blocks": self.blocks}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole reply. ``deciding`` is the index of the message that has the buttons."""

    bodies: tuple[Body, ...]
    files: tuple[File, ...]
    deciding: int


def render(reply: Reply, *, asker: str = "", asked: str = "") -> Rendered:
    """Render a reply; it begins with ``asked``, a command of ``asker`` that only they can see."""
    files = Files()
    question = [*mention(asker), *run(" asked: "), *run(one_line(asked, 500), code=True)]
    units = [[rich(question)]] if asked else []
    for block in reply.view:
        blocks = render_block(block, files)
        units += [blocks] if isinstance(block, Form) else [[part] for part in blocks]
    buttons = _buttons(reply.actions)
    deciding = bool(buttons)
    if units and buttons and _in_one_row(units[-1], buttons[0]):
        units[-1][-1]["elements"] += buttons.pop(0)["elements"]
    if not (units or buttons):
        units = [[rich(run("SmartOps answered."))]]
    groups = _packed(units, buttons)
    if len(groups) > MOST_MESSAGES:
        name = files.add("Answer", plain(reply, actions=True))
        remark = run(f"The whole answer is in the file {name}.", bold=True)
        rest = _packed([[rich([*emoji(Severity.INFO), *remark])]], _buttons(reply.actions))
        groups = [*groups[: MOST_MESSAGES - 1], *rest]
    text = escaped(plain(reply).strip() or "SmartOps answered.")
    bodies = [
        Body(_fallback(text, place, len(groups)), group) for place, group in enumerate(groups)
    ]
    return Rendered(tuple(bodies), tuple(files.files), len(bodies) - 1 if deciding else 0)


def beside_form(reply: Reply) -> list[Block]:
    """Return the blocks of a reply without its form, as many as a dialog has room for."""
    files = Files()
    parts = [block for block in reply.view if not isinstance(block, Form)]
    blocks = [part for block in parts for part in render_block(block, files)]
    return [] if files.files else blocks[:40]


Unit = list[Block]
"""Blocks that must be in one message."""


def _fallback(text: str, place: int, count: int) -> str:
    if place:
        return f"({place + 1} of {count})"
    if len(text) <= LONGEST_FALLBACK:
        return text
    cut = text[:LONGEST_FALLBACK]
    return f"{cut[: cut.rfind('&')] if '&' in cut[-5:] else cut}…"


def _buttons(actions: Sequence[Action]) -> list[Block]:
    """Return rows of buttons; a command that is too long for a button is text, to be typed."""
    buttons, typed = [], []
    for number, action in enumerate(actions):
        label = one_line(action.label, _LONGEST_LABEL) or action.type
        if len(action.value) > LONGEST_VALUE:
            typed += [rich(run(f"{label}:", bold=True)), preformatted(clean(action.value))]
        else:
            style = "danger" if action.danger else "primary" if action.type == "confirm" else ""
            buttons.append(button(action.type, number, label, action.value, style=style))
    rows = grouped(buttons, ROOM - 1000, lambda item: json_size(item) + 1, most=_BUTTONS_IN_A_ROW)
    return [*typed, *({"type": "actions", "elements": row} for row in rows)]


def _in_one_row(form: Unit, row: Block) -> bool:
    """Return whether the buttons can follow that of the form, in its row."""
    return (
        form[-1]["type"] == row["type"] == "actions"
        and len(row["elements"]) < _BUTTONS_IN_A_ROW
        and json_size(form) + json_size(row) <= ROOM
    )


def _packed(units: list[Unit], buttons: list[Block]) -> list[list[Block]]:
    """Pack units into as few messages as possible; the buttons stay together at the end."""
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
