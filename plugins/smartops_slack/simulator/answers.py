"""How the Web API says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .blocks import faults_of_message

Answer = dict[str, Any]
Arguments = Mapping[str, Any]

BREACHES = frozenset({"invalid_arguments", "invalid_blocks", "msg_blocks_too_long", "no_text"})
"""Refusals that no app which knows Slack's rules ever gets."""


def refusal(error: str, *faults: str) -> Answer:
    """Return the answer to what cannot be done; ``faults`` say more."""
    answer: Answer = {"ok": False, "error": error}
    return {**answer, "response_metadata": {"messages": list(faults)}} if faults else answer


def unfit(message: Arguments) -> Answer | None:
    """Return the refusal of a message that breaks Slack's rules, if it does."""
    faults = faults_of_message(message)
    if not faults:
        return None
    word = faults[0].partition(":")[0]
    return refusal(word if word in BREACHES else "invalid_blocks", *faults)
