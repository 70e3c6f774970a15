"""Near misses: what somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(written: str, known: Iterable[str]) -> str:
    """Return the known word nearest to what was written, or an empty string."""
    folded = {_fold(word): word for word in known}
    found = difflib.get_close_matches(_fold(written[:100]), folded, 1, cutoff=0.66)
    return folded[found[0]] if found else ""


def hint(written: str, known: Iterable[str], what: str) -> str:
    """Return "did you mean …?", or what there is to choose from if that is short."""
    words = list(known)
    if word := near(written, words):
        return f"did you mean {word}?"
    return f"{what} {', '.join(words)}" if 0 < len(words) <= 12 else ""


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_")
