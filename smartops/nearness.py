"""Near misses, compared by rapidfuzz if it is installed, else by the standard library."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable

ENOUGH = 0.66
LONGEST = 60

Ratio = Callable[[str, str], float]


@functools.cache
def _ratio() -> Ratio:
    try:
        from rapidfuzz.distance import Indel
    except ImportError:
        return standard
    return Indel.normalized_similarity


def standard(one: str, other: str) -> float:
    """Compare with the standard library; texts that cannot be similar are skipped cheaply."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < ENOUGH or matcher.quick_ratio() < ENOUGH:
        return 0.0
    return matcher.ratio()


def similarity(one: str, other: str) -> float:
    """Return the similarity of two short texts, from 0 to 1."""
    return _ratio()(one[:LONGEST], other[:LONGEST])


def near(word: str, candidates: Iterable[str], limit: int = 1) -> list[str]:
    """Return the candidates similar to ``word``, best first."""
    word = _fold(word)
    scored = [(similarity(word, _fold(item)), item) for item in candidates]
    scored = [pair for pair in scored if pair[0] >= ENOUGH]
    scored.sort(key=lambda pair: -pair[0])
    return [item for _, item in scored[:limit]]


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate most similar to ``word``, or an empty string."""
    return "".join(near(word, candidates))


def hint(written: str, known: Iterable[str], what: str = "") -> str:
    """Return "did you mean …?", or else, after ``what``, all choices if they are few."""
    words = list(known)
    if word := nearest(written, words):
        return f"did you mean {word}?"
    return f"{what} {', '.join(words)}" if what and 0 < len(words) <= 12 else ""


def _fold(word: str) -> str:
    return word.casefold().replace("-", "_")
