"""What Teams limits: how often a conversation may be written to, and the shape of messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smartops_simulators.chat import walk

from .model import card_of

WINDOWS = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
LARGEST_MESSAGE = 100 * 1024
"""Bytes of a message, counted as UTF-16."""

LARGEST_CARD = 28 * 1024


def too_large(body: bytes, activity: Mapping[str, Any]) -> bool:
    text = body.decode("utf-8", "replace")
    if len(text.encode("utf-16-le", "surrogatepass")) > LARGEST_MESSAGE:
        return True
    card = card_of(activity)
    written = json.dumps(card, ensure_ascii=False, separators=(",", ":")) if card else ""
    return len(written.encode("utf-8", "replace")) > LARGEST_CARD


def faults_of(activity: Mapping[str, Any]) -> list[str]:
    found = [f"{name} is missing" for name in ("from", "conversation") if name not in activity]
    if activity.get("replyToId") == "":
        found.append("replyToId names nothing")
    card = card_of(activity)
    if card is None:
        return found if activity.get("text") else [*found, "the message is empty"]
    if activity.get("text"):
        found.append("text and card in one message: Teams may split them")
    return found + faults_of_card(card)


def faults_of_card(card: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a card beyond its schema, which ``check_card`` may check."""
    found = []
    if card.get("type") != "AdaptiveCard":
        found.append("it is no AdaptiveCard")
    if str(card.get("version")) not in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"):
        found.append(f"version {card.get('version')} is not for Teams")
    if not card.get("body"):
        found.append("the card is empty")
    found += [
        f"the button {action.get('title')} does nothing in old clients"
        for action in card.get("actions", ())
        if action["type"] == "Action.Execute" and "fallback" not in action
    ]
    kinds = ((part.get("id", ""), str(part.get("type"))) for part in walk(card.get("body")))
    inputs = [name for name, kind in kinds if kind.startswith("Input.")]
    if len(inputs) != len(set(inputs)):
        found.append("two inputs have one id")
    return found
