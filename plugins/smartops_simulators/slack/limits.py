"""What Slack limits: how often its methods may be called, and the shape of messages and dialogs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from smartops_simulators.chat import walk

CALLS_A_MINUTE = {
    "apps.connections.open": 5,  # of the first tier, whose limit is one with bursts
    "auth.test": 600,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.postMessage": 600,
    "chat.update": 50,
    "conversations.open": 50,
    "files.completeUploadExternal": 100,
    "files.getUploadURLExternal": 100,
    "views.open": 100,
}
POSTS = ((3, 1.0), (4, 2.0), (6, 4.0), (10, 8.0), (18, 16.0), (62, 60.0))
"""Posts to one channel: over time one a second, with a short burst."""

GRACE = 1.0
"""Seconds after a refusal in which calls may still arrive that were sent before it."""

MOST_BLOCKS, MOST_IN_A_VIEW = 50, 100
LONGEST_TEXT, ADVISED_TEXT = 40_000, 4_000
LARGEST_MESSAGE = 13_000
"""Bytes of all blocks of a message together; found by others, not documented."""

LARGEST_VIEW = 250_000


def faults_of_message(message: Mapping[str, Any]) -> list[str]:
    """Return what Slack refuses in a message; it may have text, blocks or both."""
    text, blocks = message.get("text", ""), message.get("blocks", [])
    found = []
    if not isinstance(text, str) or not isinstance(blocks, list):
        return ["text or blocks are of another type"]
    if not (text or blocks):
        found.append("no_text: neither text nor blocks")
    if not text:
        found.append("notifications have no text, for text is missing")
    if len(text) > (LONGEST_TEXT if blocks else ADVISED_TEXT):
        found.append(f"text has {len(text)} characters")
    written = json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))
    if len(written.encode("utf-8", "replace")) > LARGEST_MESSAGE:
        found.append("msg_blocks_too_long: more than 13,000 bytes in all blocks")
    return [*found, *_faults_of_blocks(blocks, MOST_BLOCKS)] if blocks else found


def faults_of_view(view: Mapping[str, Any]) -> list[str]:
    """Return what Slack refuses in a dialog."""
    if view.get("type") != "modal" or "title" not in view or "blocks" not in view:
        return ["the view is no modal, or has no title or no blocks"]
    found = [
        f"{name} must have 1 to 24 characters"
        for name in ("title", "submit", "close")
        if name in view and not 0 < len(view[name].get("text", "")) <= 24
    ]
    if any(block.get("type") == "input" for block in view["blocks"]) and "submit" not in view:
        found.append("inputs need submit")
    members = {name: value for name, value in view.items() if name != "type"}
    found += _refused_by_sdk(lambda: View(type="modal", **members).to_dict())
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
    return found


def _faults_of_block(block: Any) -> list[str]:
    """Return what the models of the SDK refuse in a block, and what they do not check."""
    if not isinstance(block, dict) or Block.parse(block) is None:
        return [f"invalid_blocks: {block!r:.80} is no block"]
    found = _refused_by_sdk(lambda: _known(block))
    actions = [part["action_id"] for part in walk(block.get("elements")) if "action_id" in part]
    if len(actions) != len(set(actions)):
        found.append("two elements of a block have one action_id")
    if any(len(field.get("text", "")) > 2000 for field in block.get("fields", ())):
        found.append("a field of more than 2000 characters")
    for part in walk(block):
        for option in part.get("options", ()):
            if len(option["text"]["text"]) > 75 or len(option["value"]) > 150:
                found.append("the text or the value of an option is too long")
        if part.get("initial_option") not in (None, *part.get("options", ())):
            found.append("initial_option is not among the options")
    return found


def _known(block: dict[str, Any]) -> None:
    """Raise unless the SDK knows the block, with every member."""
    parsed = Block.parse(block)
    again = parsed.to_dict() if parsed else {}
    if again != block:
        extra = sorted(set(block) - set(again)) or "something inside"
        raise SlackObjectFormationError(f"a block {block['type']} has what no block has: {extra}")


def _refused_by_sdk(build: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            build()
        except (SlackObjectFormationError, UserWarning, TypeError, ValueError) as error:
            return [f"invalid_blocks: {error}"]
    return []
