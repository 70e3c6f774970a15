"""Completion: which words can follow a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smartops.command import Parameter

from .index import Entry, key
from .phrases import Form, Slot, Word
from .tokens import Line, Token

_YES_NO = ("yes", "no")


def complete(line: Line, entries: Iterable[Entry]) -> list[str]:
    """Return the words that can stand in place of the last, unfinished one.

    After a space they are the words that can follow.
    """
    if line.unclosed >= 0:
        return []
    tokens = list(line.tokens)
    ends_in_word = bool(tokens) and tokens[-1].end == len(line.text)
    partial = tokens.pop().text if ends_in_word else ""
    found: dict[str, None] = {}
    for entry in entries:
        for form in entry.forms:
            found.update(dict.fromkeys(_after(tokens, form, entry, partial)))
    start = partial.casefold()
    fitting = [word for word in found if word.casefold().startswith(start) and word != partial]
    return sorted(fitting, key=lambda word: (word.startswith("-"), word))


def _after(tokens: Sequence[Token], form: Form, entry: Entry, partial: str) -> Iterator[str]:
    """Yield the words that can follow ``tokens`` in this form."""
    lead = min(form.lead, len(tokens))
    if [token.text.casefold() for token in tokens[:lead]] != list(form.words[:lead]):
        return
    if lead < form.lead:
        yield form.words[lead]
        return
    words, used, open_option = _split(tokens[lead:], entry)
    if open_option:
        yield from _values(open_option, partial)
        return
    place = _place(words, form, used)
    if place is None:
        return
    part = form.parts[place] if place < len(form.parts) else None
    if isinstance(part, Word):
        yield part.text
    elif isinstance(part, Slot):
        if part.prefix:
            yield part.prefix
        yield from _values(part.parameter, partial)
    yield from _options(entry, used, partial)


def _split(tokens: Sequence[Token], entry: Entry) -> tuple[list[Token], set[str], Parameter | None]:
    """Return the words, the names of the options used, and the option that waits for a value."""
    words: list[Token] = []
    used: set[str] = set()
    waiting: Parameter | None = None
    for token in tokens:
        if waiting:
            waiting = None
            continue
        name, equals, _ = token.text.removeprefix("--").partition("=")
        explicit = token.text.startswith("--") and not token.quoted
        known = (entry.options if explicit else entry.bare if equals else {}).get(key(name))
        if known is None:
            words.append(token)
            continue
        used.add(known.name)
        if not equals and not _is_flag(known):
            waiting = known
    return words, used, waiting


def _place(words: Sequence[Token], form: Form, used: set[str]) -> int | None:
    """Return the index of the form's part after ``words``, or None if they do not match."""
    at = form.lead
    for word in words:
        while at < len(form.parts) and _filled(form, at, used):
            at += 1
        if at == len(form.parts):
            return None
        part = form.parts[at]
        if isinstance(part, Slot) and not part.takes(word.text):
            return None
        if isinstance(part, Word) and word.text.casefold() != part.text:
            return None
        at += 1
    while at < len(form.parts) and _filled(form, at, used):
        at += 1
    return at


def _filled(form: Form, at: int, used: set[str]) -> bool:
    part = form.parts[at]
    return isinstance(part, Slot) and part.parameter.name in used


def _options(entry: Entry, used: set[str], partial: str) -> Iterator[str]:
    name, equals, rest = partial.partition("=")
    if equals:
        known = entry.options.get(key(name.removeprefix("--")))
        if known:
            yield from (f"{name}={value}" for value in _values(known, rest))
        return
    for spelling, parameter in entry.bare.items():
        if parameter.name not in used or parameter.many:
            no = "no-" if _is_flag(parameter) and parameter.default is True else ""
            yield f"--{no}{spelling}"


def _values(parameter: Parameter, partial: str) -> Iterator[str]:
    """Yield the possible words of an argument; of a list, those after its last comma."""
    before = partial[: partial.rfind(",") + 1] if parameter.many else ""
    for word in parameter.choices or (_YES_NO if parameter.type is bool else ()):
        yield before + word


def _is_flag(parameter: Parameter) -> bool:
    return parameter.type is bool and not parameter.many
