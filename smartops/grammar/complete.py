"""Completion: which words can follow a text."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from smartops.parameter import Parameter

from .errors import OptionWithoutValue, ParseError
from .index import Entry, key
from .match import Short, fit
from .phrases import Form, Part, Word
from .tokens import Line
from .write import plain

_YES_NO = ("yes", "no")


Choices = Callable[[Parameter, str], Iterable[str]]
"""Returns the values of an argument that begin with a text, of those known at run time only."""


def no_choices(parameter: Parameter, prefix: str) -> tuple[str, ...]:  # noqa: ARG001 - a Choices
    """Return none."""
    return ()


def complete(line: Line, entries: Iterable[Entry], choices: Choices) -> list[str]:
    """Return the words that can stand in place of the last, unfinished one.

    After a space they are the words that can follow.
    """
    if line.unclosed >= 0:
        return []
    tokens = list(line.tokens)
    partial = tokens.pop().text if tokens and tokens[-1].end == len(line.text) else ""
    before = line._replace(tokens=tokens)
    found = {
        word
        for entry in entries
        for form in entry.forms
        for word in _after(before, form, entry, partial, choices)
    }
    start = partial.casefold()
    fitting = [word for word in found if word.casefold().startswith(start) and word != partial]
    return sorted(fitting, key=lambda word: (word.startswith("-"), word))


def _after(line: Line, form: Form, entry: Entry, partial: str, choices: Choices) -> Iterator[str]:
    """Yield the words that can follow the tokens of ``line`` in this form."""
    words = form.words
    lead = [token.text.casefold() for token in line.tokens[: form.lead]]
    if lead != list(words[: len(lead)]):
        return
    if len(lead) < form.lead:
        yield words[len(lead)]
        return
    parts: Sequence[Part] = ()
    try:
        _, given = fit(form, entry, line)
    except Short as short:
        parts, given = short.parts, short.given
    except OptionWithoutValue as error:
        yield from _values(error.parameter, partial, choices)
        return
    except ParseError:
        return
    for part in parts[:1]:
        if isinstance(part, Word):
            yield part.text
        else:
            yield from filter(None, (part.prefix,))
            yield from _values(part.parameter, partial, choices)
    yield from _options(entry, given, partial, choices)


def _options(entry: Entry, used: Container[str], partial: str, choices: Choices) -> Iterator[str]:
    name, equals, rest = partial.partition("=")
    if equals:
        known = entry.options.get(key(name.removeprefix("--")))
        if known:
            yield from (f"{name}={value}" for value in _values(known, rest, choices))
        return
    for spelling, parameter in entry.bare.items():
        if parameter.name not in used or parameter.many:
            no = "no-" if parameter.is_flag and parameter.default is True else ""
            yield f"--{no}{spelling}"


def _values(parameter: Parameter, partial: str, choices: Choices) -> Iterator[str]:
    """Yield the possible words of an argument; of a list, those after its last comma."""
    before = partial[: partial.rfind(",") + 1] if parameter.many else ""
    words: Iterable[str] = parameter.choices or (_YES_NO if parameter.type is bool else ())
    if parameter.looked_up or parameter.is_target:
        words = map(plain, choices(parameter, partial[len(before) :]))
    for word in words:
        yield before + word
