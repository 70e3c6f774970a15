"""Suggestions: permitted commands that are similar to an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from smartops.command import Command
from smartops.nearness import ENOUGH, similarity

from .index import Entry
from .tokens import Line

MOST = 3
_BEGINNING = 0.95
_NO_WORSE = 0.1

Permitted = Callable[[Command], bool]


def suggest(line: Line, entries: Iterable[Entry], matches: Callable[[str], bool]) -> list[str]:
    """Return texts of commands that are near to a text, best first.

    What follows the command's words is kept where the whole then parses, as
    ``matches`` says.
    """
    words = [token.text.casefold() for token in line.tokens[:8]]
    scored: dict[str, float] = {}
    for lead in leads(entries):
        score = _score(words, lead)
        if score >= ENOUGH:
            scored[" ".join(lead)] = score
    least = max(scored.values(), default=0.0) - _NO_WORSE
    scored = {text: score for text, score in scored.items() if score >= least}
    best = sorted(scored, key=lambda text: (-scored[text], text))
    limit = 2 * MOST if words and scored and scored[best[0]] == _BEGINNING else MOST
    return list(dict.fromkeys(_with_rest(line, text, matches) for text in best[:limit]))


def leads(entries: Iterable[Entry]) -> Iterator[tuple[str, ...]]:
    """Yield the literal words that each form begins with, the same ones once a command."""
    for entry in entries:
        yield from dict.fromkeys(form.words for form in entry.forms)


def _score(words: Sequence[str], lead: Sequence[str]) -> float:
    """Return how similar the text is to the words a command begins with."""
    if words and tuple(words) == tuple(lead[: len(words)]):
        return _BEGINNING
    said = words[: len(lead)]
    meant = " ".join(lead)
    in_order = similarity(" ".join(said), meant)
    shuffled = similarity(" ".join(sorted(said)), " ".join(sorted(lead)))
    return max(in_order, 0.9 * shuffled)


def _with_rest(line: Line, text: str, matches: Callable[[str], bool]) -> str:
    count = len(text.split())
    if count >= len(line.tokens) or line.unclosed >= 0:
        return text
    whole = f"{text} {line.raw(count, len(line.tokens))}"
    return whole if matches(whole) else text


def known_words(line: Line, entries: Iterable[Entry]) -> int:
    """Return how many words at the beginning some command begins with too."""
    words = [token.text.casefold() if token.plain else "" for token in line.tokens[:32]]
    known = 0
    for lead in leads(entries):
        agreeing = 0
        for said, meant in zip(words, lead, strict=False):
            if said != meant:
                break
            agreeing += 1
        known = max(known, agreeing)
    return known
