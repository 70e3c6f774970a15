"""Phrases as they are declared, compiled into forms without optional parts.

``"check health [{target}]"`` is two forms: ``check health {target}`` and
``check health``. Texts are matched with forms.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from smartops.command import Command
from smartops.parameter import Parameter

MAX_OPTIONAL = 4

_PART = re.compile(
    r"(?P<space>\s+)|(?P<bracket>[\[\]])"
    r"|(?P<prefix>[^\s\[\]{}]*)\{(?P<slot>[^{}]*)\}|(?P<word>[^\s\[\]{}]+)"
)
_LITERAL = re.compile(r"\w[\w.-]*")


class MalformedPhrase(ValueError):
    """A phrase cannot be compiled; the text says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """A literal word, in lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A placeholder. A greedy one takes several words, to the character.

    One with a ``prefix``, in lower case, takes only a word without quotes that
    begins with it.
    """

    parameter: Parameter
    greedy: bool = False
    prefix: str = ""

    def takes(self, text: str) -> bool:
        """Whether a word can stand here."""
        return text.casefold().startswith(self.prefix)


Part = Word | Slot


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a command.

    ``lead`` is the number of literal words it begins with, ``literals`` that
    of all its literal words and prefixes, ``greedy`` the index of its greedy
    slot, or -1; ``prefixed`` says whether a slot has a prefix.
    """

    command: Command
    phrase: str
    parts: tuple[Part, ...]
    lead: int
    literals: int
    greedy: int
    prefixed: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The literal words it begins with."""
        return tuple(part.text for part in self.parts[: self.lead] if isinstance(part, Word))

    @property
    def shape(self) -> tuple[str, ...]:
        """The pattern of its canonical texts: two forms of one shape cannot be distinguished."""
        return tuple(
            part.text if isinstance(part, Word) else f"{part.prefix}{{}}" for part in self.parts
        )

    @property
    def slots(self) -> Iterator[Slot]:
        """Its placeholders."""
        return (part for part in self.parts if isinstance(part, Slot))


class Literals:
    """The literal words of all forms: an argument that looks like one needs quotes."""

    def __init__(self, forms: Iterable[Form]) -> None:
        parts = [part for form in forms for part in form.parts]
        self._words = {part.text for part in parts if isinstance(part, Word)}
        slots = (part for part in parts if isinstance(part, Slot))
        self._prefixes = tuple({slot.prefix for slot in slots if slot.prefix})

    def claim(self, text: str) -> bool:
        """Return whether ``text`` needs quotes to be read as an argument."""
        folded = text.casefold()
        return folded in self._words or folded.startswith(self._prefixes)


def forms(command: Command, phrase: str) -> tuple[Form, ...]:
    """Return every form of ``phrase``, those with more of the optional parts first.

    Raises MalformedPhrase.
    """
    parameters = {parameter.name: parameter for parameter in command.parameters}
    groups = _groups(phrase, parameters)
    if groups[0][0] or not isinstance(groups[0][1][0], Word):
        raise MalformedPhrase("a phrase begins with a literal word")
    optional = [index for index, (may_be_left_out, _) in enumerate(groups) if may_be_left_out]
    if len(optional) > MAX_OPTIONAL:
        raise MalformedPhrase(f"a phrase has at most {MAX_OPTIONAL} optional parts")
    found = []
    for choice in itertools.product((True, False), repeat=len(optional)):
        absent = {index for index, present in zip(optional, choice, strict=True) if not present}
        parts = [
            part for index, (_, group) in enumerate(groups) for part in group if index not in absent
        ]
        found.append(_form(command, phrase, parts))
    return tuple(found)


Group = tuple[bool, list[Part]]


def _groups(phrase: str, parameters: Mapping[str, Parameter]) -> list[Group]:
    groups: list[Group] = []
    optional = False
    at = 0
    while at < len(phrase):
        found = _PART.match(phrase, at)
        if found is None:
            raise MalformedPhrase(f"{phrase[at:]!r} is not understood: braces come in pairs")
        at = found.end()
        if found["bracket"]:
            optional = _bracket(found["bracket"], optional, groups)
        elif not found["space"]:
            if not (groups and groups[-1][0] == optional):
                groups.append((optional, []))
            groups[-1][1].append(_part(found, parameters))
    if optional:
        raise MalformedPhrase("a bracket is not closed")
    if any(not parts for _, parts in groups) or not groups:
        raise MalformedPhrase("a phrase or a pair of brackets is empty")
    return groups


def _bracket(bracket: str, optional: bool, groups: list[Group]) -> bool:
    if (bracket == "[") == optional:
        raise MalformedPhrase("brackets come in pairs, and not within each other")
    if bracket == "[":
        groups.append((True, []))
    return not optional


def _part(found: re.Match[str], parameters: Mapping[str, Parameter]) -> Part:
    if found["word"]:
        if not _LITERAL.fullmatch(found["word"]):
            raise MalformedPhrase(
                f"{found['word']!r} cannot be a literal word: use letters, digits, dots and hyphens"
            )
        return Word(found["word"].casefold())
    name, greedy = found["slot"].removesuffix("..."), found["slot"].endswith("...")
    parameter = parameters.get(name)
    if parameter is None:
        raise MalformedPhrase(
            f"{{{name}}} is no parameter of the function"
            + (f"; it has {', '.join(parameters)}" if parameters else "")
        )
    if greedy and (parameter.type is not str or parameter.many or parameter.choices):
        raise MalformedPhrase(
            f"{{{name}...}} takes free text, so its parameter must be a plain str"
        )
    prefix = found["prefix"].casefold()
    if prefix and (greedy or parameter.type is not str or parameter.many or parameter.choices):
        raise MalformedPhrase(
            f"{prefix}{{{name}}} takes one word of text, so its parameter must be a plain str"
        )
    return Slot(parameter, greedy, prefix)


def _form(command: Command, phrase: str, parts: Sequence[Part]) -> Form:
    names = [part.parameter.name for part in parts if isinstance(part, Slot)]
    if len(names) != len(set(names)):
        raise MalformedPhrase("a placeholder appears twice")
    greedy = [index for index, part in enumerate(parts) if isinstance(part, Slot) and part.greedy]
    if len(greedy) > 1:
        raise MalformedPhrase("at most one placeholder may be greedy")
    if greedy and greedy[0] + 1 < len(parts) and isinstance(parts[greedy[0] + 1], Slot):
        raise MalformedPhrase("a greedy placeholder must be last or before a literal word")
    lead = next((i for i, part in enumerate(parts) if isinstance(part, Slot)), len(parts))
    prefixes = sum(isinstance(part, Slot) and bool(part.prefix) for part in parts)
    return Form(
        command,
        phrase,
        tuple(parts),
        lead,
        literals=sum(isinstance(part, Word) for part in parts) + prefixes,
        greedy=greedy[0] if greedy else -1,
        prefixed=bool(prefixes),
    )


def overlap(one: Form, other: Form) -> bool:
    """Return whether some text matches both forms.

    A placeholder may also be given as an option, if both commands have it; and
    where all are, the literal words between them may be left out.
    """
    shared = {item.name for item in one.command.parameters}
    shared &= {item.name for item in other.command.parameters}
    slots = {slot.parameter.name for form in (one, other) for slot in form.slots}
    if slots and slots <= shared and one.words == other.words:
        return True
    reachable = {(0, 0)}
    ends = len(one.parts), len(other.parts)
    for _ in range(sum(ends)):
        reachable |= {step for at in reachable for step in _steps(one, other, at, shared)}
    return ends in reachable


def _steps(
    one: Form, other: Form, at: tuple[int, int], shared: Set[str]
) -> Iterator[tuple[int, int]]:
    """Yield where both forms can stand after one more word or option."""
    i, j = at
    left = one.parts[i] if i < len(one.parts) else None
    right = other.parts[j] if j < len(other.parts) else None
    if isinstance(left, Slot) and left.parameter.name in shared:
        yield i + 1, j
    if isinstance(right, Slot) and right.parameter.name in shared:
        yield i, j + 1
    if left is None or right is None:
        return
    if not _agree(left, right):
        return
    yield i + 1, j + 1
    if isinstance(left, Slot) and left.greedy:
        yield i, j + 1
    if isinstance(right, Slot) and right.greedy:
        yield i + 1, j


def _agree(left: Part, right: Part) -> bool:
    """Return whether some word matches both."""
    if isinstance(left, Word):
        return left.text == right.text if isinstance(right, Word) else right.takes(left.text)
    if isinstance(right, Word):
        return left.takes(right.text)
    return left.takes(right.prefix) or right.takes(left.prefix)
