"""Commands prepared for parsing, and the tree of literal words that finds them.

All of it is built once, at start, and never changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smartops.command import Command
from smartops.errors import Problem
from smartops.parameter import Parameter

from . import usage
from .bind import Reader, reader
from .phrases import Form, MalformedPhrase, forms, overlap


@dataclass(frozen=True, slots=True)
class Entry:
    """A command with what the parser needs.

    ``ways`` are the forms that differ in their literal words, with the
    names of their placeholders. ``options`` has every parameter by its option
    name, ``bare`` those that may be written ``name=value``; ``blank`` holds the
    defaults, None where there is none; ``required`` are those that must be given.
    """

    command: Command
    forms: tuple[Form, ...]
    ways: tuple[tuple[frozenset[str], Form], ...]
    parameters: Mapping[str, Parameter]
    options: Mapping[str, Parameter]
    bare: Mapping[str, Parameter]
    readers: Mapping[str, Reader]
    blank: Mapping[str, Any]
    required: tuple[Parameter, ...]


@dataclass(slots=True)
class Node:
    """A node of the tree: the words that may follow, and the forms whose leading words end here.

    ``groups`` holds the forms by the number of their literal words, most first.
    """

    children: dict[str, Node] = field(default_factory=dict)
    groups: list[list[Form]] = field(default_factory=list)

    def add(self, form: Form) -> None:
        """Insert a form: greedy forms last, longer ones before shorter."""
        node = self
        for word in form.words:
            node = node.children.setdefault(word, Node())
        forms = [*itertools.chain(*node.groups), form]
        forms.sort(key=lambda item: (-item.literals, item.greedy >= 0, -len(item.parts)))
        grouped = itertools.groupby(forms, key=lambda item: item.literals)
        node.groups = [list(group) for _, group in grouped]

    @property
    def forms(self) -> list[Form]:
        """All forms whose leading words end here."""
        return list(itertools.chain(*self.groups))


def key(name: str) -> str:
    """Return the spelling under which an option is looked up."""
    return name.casefold().replace("_", "-")


def entry(command: Command) -> tuple[Entry, list[Problem]]:
    """Prepare a command; malformed phrases are reported and left out."""
    problems: list[Problem] = []
    found: list[Form] = []
    for phrase in command.phrases:
        try:
            candidates = forms(command, phrase)
        except MalformedPhrase as error:
            problems.append(_problem(command, f"phrase {phrase!r}: {error}"))
            continue
        problems.extend(_undefaulted(command, phrase, candidates))
        shapes = {form.shape for form in found}
        fresh = {form.shape: form for form in reversed(candidates) if form.shape not in shapes}
        if not fresh:
            text = f"phrase {phrase!r} cannot be distinguished from an earlier phrase"
            problems.append(_problem(command, text, "leave it out"))
        found.extend(reversed(fresh.values()))
    problems.extend(_option_clashes(command))
    return _ready(command, tuple(found)), problems


def _ready(command: Command, found: tuple[Form, ...]) -> Entry:
    return Entry(
        command=command,
        forms=found,
        ways=_ways(found),
        parameters={item.name: item for item in command.parameters},
        options={key(item.name): item for item in command.parameters},
        bare={key(item.name): item for item in usage.options(command)},
        readers={item.name: reader(item) for item in command.parameters},
        blank={item.name: _default(item) for item in command.parameters},
        required=tuple(item for item in command.parameters if item.required),
    )


def _ways(found: Sequence[Form]) -> tuple[tuple[frozenset[str], Form], ...]:
    ways: dict[tuple[frozenset[str], bool], Form] = {}
    for form in found:
        names = frozenset(slot.parameter.name for slot in form.slots)
        ways.setdefault((names, form.prefixed), form)
    return tuple((names, form) for (names, _), form in ways.items())


def _default(parameter: Parameter) -> Any:
    return tuple(parameter.default) if isinstance(parameter.default, list) else parameter.default


def _problem(command: Command, text: str, hint: str = "") -> Problem:
    return Problem(f"command {command.name!r}: {text}", where=_owner(command), hint=hint)


def _undefaulted(command: Command, phrase: str, candidates: Sequence[Form]) -> Iterator[Problem]:
    """Yield a problem for each optional placeholder without a default."""
    always = {slot.parameter.name for slot in candidates[-1].slots}
    for slot in candidates[0].slots:
        if slot.parameter.required and slot.parameter.name not in always:
            yield _problem(
                command,
                f"phrase {phrase!r} lets {slot.parameter.name} be left out, but it has no default",
                "give the parameter a default, or take the brackets away",
            )


def _option_clashes(command: Command) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for item in command.parameters:
        spellings = [key(item.name)]
        if item.is_flag:
            spellings.append(f"no-{spellings[0]}")
        for spelling in spellings:
            other = seen.setdefault(spelling, item.name)
            if other != item.name:
                text = f"--{spelling} could mean {other} or {item.name}"
                yield _problem(command, text, "rename one of the parameters")


def clashes(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Yield a problem for each two commands that share a name or can match the same text."""
    names: dict[str, Command] = {}
    groups: dict[tuple[tuple[str, ...], int], list[Form]] = {}
    for item in entries:
        other = names.setdefault(item.command.name, item.command)
        if other is not item.command:
            yield Problem(
                f"two commands are called {item.command.name!r}",
                where=_owners(other, item.command),
                hint="begin one of them with another word",
            )
        for form in item.forms:
            groups.setdefault((form.words, form.literals), []).append(form)
    seen: set[tuple[str, str]] = set()
    for group in groups.values():
        for one, two in itertools.combinations(group, 2):
            pair = one.command.name, two.command.name
            if pair[0] != pair[1] and pair not in seen and overlap(one, two):
                seen.add(pair)
                yield _ambiguous(one, two)


def _owner(command: Command) -> str:
    return f"plugin {command.owner}" if command.owner else ""


def _owners(one: Command, two: Command) -> str:
    return " and ".join(filter(None, dict.fromkeys((_owner(one), _owner(two)))))


def _ambiguous(one: Form, two: Form) -> Problem:
    first, second = (
        f"{item.phrase!r} of command {item.command.name!r}"
        + (f" ({item.command.owner})" if item.command.owner else "")
        for item in (one, two)
    )
    return Problem(
        f"{first} and {second} can match the same text",
        where=_owners(one.command, two.command),
        hint="give one of them another literal word",
    )
