"""What Slack refuses in messages and dialogs: its limits, and shapes it does not know.

The SDK's own models are asked too, where it has some; what they let through is
checked here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from .world import walk

MOST_BLOCKS = 50
MOST_IN_A_VIEW = 100
LONGEST_TEXT = 40_000
ADVISED_TEXT = 4_000
LARGEST_MESSAGE = 13_000
"""Bytes of all blocks of a message together; found out by others, not written down."""

LARGEST_VIEW = 250_000
_IN_MESSAGES = frozenset(
    {
        "actions",
        "context",
        "divider",
        "file",
        "header",
        "image",
        "input",
        "markdown",
        "rich_text",
        "section",
        "table",
        "video",
    }
)
_LONGEST = {
    "action_id": 255,
    "block_id": 255,
    "callback_id": 255,
    "private_metadata": 3000,
    "url": 3000,
}
_MOST_ELEMENTS = {"actions": 25, "context": 10}
_TITLES = {"title": 24, "submit": 24, "close": 24}
_OPTION_TEXT, _OPTION_VALUE, _MOST_OPTIONS = 75, 150, 100
_BUTTON_TEXT, _BUTTON_VALUE = 75, 2000


def faults_of_message(message: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with what a message says; it may have text, blocks or both."""
    text, blocks = message.get("text", ""), message.get("blocks", [])
    found = []
    if not isinstance(text, str) or not isinstance(blocks, list):
        return ["text or blocks are of another type"]
    if not (text or blocks):
        found.append("no_text: neither text nor blocks")
    if not text:
        found.append("nothing is said in notifications, for text is missing")
    if len(text) > (LONGEST_TEXT if blocks else ADVISED_TEXT):
        found.append(f"text has {len(text)} characters")
    written = json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))
    if len(written.encode("utf-8", "replace")) > LARGEST_MESSAGE:
        found.append("msg_blocks_too_long: more than 13,000 bytes in all blocks")
    return [*found, *_faults_of_blocks(blocks, MOST_BLOCKS)] if blocks else found


def faults_of_view(view: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a dialog."""
    found = []
    if view.get("type") != "modal":
        found.append("the view is no modal")
    if "title" not in view or "blocks" not in view:
        return [*found, "the view has no title or no blocks"]
    for name, most in _TITLES.items():
        if name in view and not 0 < len(view[name].get("text", "")) <= most:
            found.append(f"{name} must have 1 to {most} characters")
    inputs = [block for block in view["blocks"] if block.get("type") == "input"]
    if inputs and "submit" not in view:
        found.append("inputs need submit")
    members = {name: value for name, value in view.items() if name != "type"}
    found += _of_model(lambda: View(type="modal", **members).to_dict())
    found += [f"{name} is too long" for name in _too_long(view)]
    if len(json.dumps(view)) > LARGEST_VIEW:
        found.append("view_too_large")
    return found + _faults_of_blocks(view["blocks"], MOST_IN_A_VIEW)


def _faults_of_blocks(blocks: list[Any], most: int) -> list[str]:
    if not 0 < len(blocks) <= most:
        return [f"{len(blocks)} blocks"]
    found = [fault for block in blocks for fault in _faults_of_block(block)]
    named = [block["block_id"] for block in blocks if "block_id" in block]
    if len(named) != len(set(named)):
        found.append("two blocks have one block_id")
    if sum(len(block.get("text", "")) for block in blocks if block["type"] == "markdown") > 12_000:
        found.append("more than 12,000 characters of Markdown")
    return found


def _faults_of_block(block: Any) -> list[str]:
    if not isinstance(block, dict) or block.get("type") not in _IN_MESSAGES:
        return [f"invalid_blocks: {block!r:.80} is no block"]
    kind = block["type"]
    found = _of_model(lambda: _known(block))
    elements = block.get("elements", [])
    if kind in ("actions", "context", "rich_text") and not elements:
        found.append(f"a block {kind} is empty")
    if len(elements) > _MOST_ELEMENTS.get(kind, 1000):
        found.append(f"{len(elements)} elements in a block {kind}")
    if kind == "header" and len(block.get("text", {}).get("text", "")) > 150:
        found.append("a header of more than 150 characters")
    if kind == "section":
        found += _faults_of_section(block)
    actions = [part["action_id"] for part in walk(elements) if "action_id" in part]
    if len(actions) != len(set(actions)):
        found.append("two elements of a block have one action_id")
    for part in walk(block):
        found += [f"invalid_blocks: {fault}" for fault in _faults_of_part(part)]
    return found


def _known(block: dict[str, Any]) -> None:
    """Raise unless the SDK knows the block, with every member."""
    parsed = Block.parse(block)
    if parsed is None:
        raise SlackObjectFormationError(f"{block['type']} is not known to the SDK")
    if (again := parsed.to_dict()) != block:
        extra = sorted(set(block) - set(again)) or "something inside"
        raise SlackObjectFormationError(f"a block {block['type']} has what no block has: {extra}")


def _of_model(build: Any) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            build()
        except (SlackObjectFormationError, UserWarning, TypeError, ValueError) as error:
            return [f"invalid_blocks: {error}"]
    return []


def _faults_of_section(block: Mapping[str, Any]) -> Iterator[str]:
    fields = block.get("fields", ())
    if len(block.get("text", {}).get("text", "")) > 3000:
        yield "a section's text of more than 3000 characters"
    if len(fields) > 10 or any(len(field.get("text", "")) > 2000 for field in fields):
        yield "more than 10 fields, or one of more than 2000 characters"


def _faults_of_part(part: Mapping[str, Any]) -> Iterator[str]:
    kind = part.get("type")
    yield from (f"{name} is too long" for name in _too_long(part))
    if kind in ("text", "plain_text", "mrkdwn") and not 0 < len(part.get("text", "")) <= 3000:
        yield "a text must have 1 to 3000 characters"
    if kind == "button":
        yield from _faults_of_button(part)
    for name in ("options", "option_groups"):
        options = part.get(name)
        if options is not None and not 0 < len(options) <= _MOST_OPTIONS:
            yield f"{len(options)} {name}"
    for option in part.get("options", ()):
        if len(option["text"]["text"]) > _OPTION_TEXT or len(option["value"]) > _OPTION_VALUE:
            yield "the text or the value of an option is too long"
    initial = part.get("initial_option")
    if initial is not None and initial not in part.get("options", ()):
        yield "initial_option is not among the options"


def _faults_of_button(part: Mapping[str, Any]) -> Iterator[str]:
    if len(part["text"]["text"]) > _BUTTON_TEXT:
        yield "a button's text of more than 75 characters"
    if len(part.get("value", "")) > _BUTTON_VALUE:
        yield "a button's value of more than 2000 characters"
    if part.get("style", "primary") not in ("primary", "danger"):
        yield "a button is primary, danger or neither"


def _too_long(part: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, most in _LONGEST.items()
        if isinstance(part.get(name), str) and len(part[name]) > most
    ]
