"""Suggestions: permitted commands that are similar to an unknown one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from smartops.command import Command, Effect
from smartops.nearness import ENOUGH, similarity

from .index import Entry
from .tokens import Line

MOST = 3
_BEGINNING = 0.95
_NO_WORSE = 0.1

Permitted = Callable[[Command], bool]


def suggest(line: Line, entries: Iterable[Entry], matches: Callable[[str], bool]) -> list[str]:
    """Return texts of commands that are near to a text, best first.

    What follows the command's words is added where the whole then parses, as
    ``matches`` says. Commands that change something are suggested only for a
    beginning of their words or one typing error: "restart" is not "start".
    """
    words = [token.text.casefold() for token in line.tokens[:8]]
    scored: dict[str, float] = {}
    for entry in entries:
        for lead in _leads(entry):
            score, text = _score(words, lead), " ".join(lead)
            sure = score == _BEGINNING or entry.command.effect is Effect.READ
            if score >= ENOUGH and (sure or _one_error(" ".join(words[: len(lead)]), text)):
                scored[text] = score
    least = max(scored.values(), default=0.0) - _NO_WORSE
    scored = {text: score for text, score in scored.items() if score >= least}
    best = sorted(scored, key=lambda text: (-scored[text], text))
    limit = 2 * MOST if words and scored and scored[best[0]] == _BEGINNING else MOST
    return list(dict.fromkeys(_with_rest(line, text, matches) for text in best[:limit]))


def _leads(entry: Entry) -> Iterator[tuple[str, ...]]:
    """Yield the literal words that the forms begin with, each once."""
    yield from dict.fromkeys(form.words for form in entry.forms)


def _one_error(typed: str, meant: str) -> bool:
    """Whether a character is missing, added or wrong, or two are swapped."""
    pairs = zip(typed, meant, strict=False)
    at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(typed))
    typed, meant = typed[at:], meant[at:]
    swapped = typed[1::-1] == meant[:2] and typed[2:] == meant[2:]
    return swapped or typed[1:] in (meant, meant[1:]) or typed == meant[1:]


def _score(words: Sequence[str], lead: Sequence[str]) -> float:
    """Return how similar the text is to the words a command begins with."""
    if words and tuple(words) == tuple(lead[: len(words)]):
        return _BEGINNING
    typed = words[: len(lead)]
    meant = " ".join(lead)
    in_order = similarity(" ".join(typed), meant)
    shuffled = similarity(" ".join(sorted(typed)), " ".join(sorted(lead)))
    return max(in_order, 0.9 * shuffled)


def _with_rest(line: Line, text: str, matches: Callable[[str], bool]) -> str:
    count = len(text.split())
    if count >= len(line.tokens) or line.unclosed >= 0:
        return text
    whole = f"{text} {line.raw(count, len(line.tokens))}"
    return whole if matches(whole) else text


def known_words(line: Line, entries: Iterable[Entry]) -> int:
    """Return how many of the first words are also the first words of some command."""
    words = [token.text.casefold() if token.plain else "" for token in line.tokens[:32]]
    known = 0
    for lead in (lead for entry in entries for lead in _leads(entry)):
        agreeing = 0
        for typed, meant in zip(words, lead, strict=False):
            if typed != meant:
                break
            agreeing += 1
        known = max(known, agreeing)
    return known
