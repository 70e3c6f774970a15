"""The conditions of a rule. The answer of each is yes, no, or not known yet.

A rule's conditions are joined by "and"; the values within one by "or".
"""

from __future__ import annotations

import fnmatch
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cached_property, lru_cache, partial
from typing import Any, Self

from smartops.backend import Instance
from smartops.command import Call, Command, Effect
from smartops.config.policy import ConditionSettings
from smartops.message import Person, Place
from smartops.values import format_duration

Answer = bool | None
"""Yes, no, or None: not known yet."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call to be authorised; None stands for what is not known yet."""

    person: Person
    command: Command
    effect: Effect | None
    place: Place
    arguments: Mapping[str, Any] | None = None
    targets: Sequence[Instance] | None = None

    def each(self) -> list[Self]:
        """Return one request for each target."""
        if not self.targets or len(self.targets) == 1:
            return [self]
        known = (self.person, self.command, self.effect, self.place, self.arguments)
        return [type(self)(*known, (target,)) for target in self.targets]

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The possible effects of the call; the declared one is the worst."""
        if self.effect is not None:
            return (self.effect,)
        order = tuple(Effect)
        return order[: order.index(self.command.effect) + 1]


class Texts:
    """The values of a condition. With ``wild``, ``*`` and ``?`` in them stand for any text."""

    def __init__(self, texts: Iterable[str], *, wild: bool = True) -> None:
        self._texts = tuple(texts)
        wildcards = [text for text in self._texts if wild and set("*?") & set(text)]
        self._plain = frozenset(self._texts) - frozenset(wildcards)
        # fnmatch makes patterns without backtracking; brackets are no wildcard here.
        self._patterns = tuple(
            re.compile(fnmatch.translate(text.replace("[", "[[]"))) for text in wildcards
        )

    def match(self, text: str) -> bool:
        """Whether one of them is, or stands for, this text."""
        if text in self._plain:
            return True
        return bool(self._patterns) and any(item.match(text) for item in self._patterns)

    def __str__(self) -> str:
        return " or ".join(self._texts)


class Condition(ABC):
    """One condition, answered by the person, command, effect and place."""

    @abstractmethod
    def test(self, request: Request) -> Answer:
        """Return whether it is met."""

    @abstractmethod
    def why(self, request: Request) -> str:
        """Explain why it is not met or not known."""


class LateCondition(Condition):
    """A condition that is answered only by the arguments or the targets."""

    @abstractmethod
    def impossible(self, command: Command) -> str:
        """Explain why no call of the command can meet it; empty if one can."""


class Among(Condition):
    """One of the facts is among the values of the rule."""

    def __init__(self, what: str, values: Texts, facts: Callable[[Request], Iterable[str]]) -> None:
        self._what = what
        self._values = values
        self._facts = facts

    def test(self, request: Request) -> Answer:
        """Return whether it is met."""
        return any(map(self._values.match, self._facts(request)))

    def why(self, request: Request) -> str:
        """Explain why it is not met or not known."""
        there = " and ".join(sorted(self._facts(request))) or "none"
        return f"{self._what} {there}, not {self._values}"


class NamesSensitive(Condition):
    """The rule names the command, if that is sensitive."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._names = frozenset(commands)

    def test(self, request: Request) -> Answer:
        """Return whether it is met."""
        return not request.command.sensitive or request.command.name in self._names

    def why(self, request: Request) -> str:
        """Explain why it is not met."""
        name = request.command.name
        return f"{name} is sensitive, and must be listed under commands: [{name}]"


class Effects(Condition):
    """The call's effect is one of those of the rule."""

    def __init__(self, effects: Sequence[str]) -> None:
        self._wanted = frozenset(effects)

    def test(self, request: Request) -> Answer:
        """Return whether all possible effects of the call meet it, or none."""
        met = {effect in self._wanted for effect in request.effects}
        return met.pop() if len(met) == 1 else None

    def why(self, request: Request) -> str:
        """Explain why it is not met or not known."""
        there, wanted = " or ".join(request.effects), " or ".join(sorted(self._wanted))
        if self.test(request) is None:
            return f"the effect is not known yet; it may be {there}, and {wanted} is asked for"
        return f"the effect is {there}, not {wanted}"


class Argument(LateCondition):
    """An argument is given, and so is one of the rule's values.

    Of an argument that is a list, every item must have such a value for a rule
    that allows, and any item for one that denies.
    """

    def __init__(self, name: str, values: Sequence[str], *, denies: bool) -> None:
        self._name = name
        self._values = Texts(values)
        self._denies = denies

    def names_targets(self, command: Command) -> bool:
        """Whether the argument names instances of the command."""
        return any(item.name == self._name and item.is_target for item in command.parameters)

    def impossible(self, command: Command) -> str:
        """Explain that the command has no such argument."""
        if any(parameter.name == self._name for parameter in command.parameters):
            return ""
        return f"{command.name} has no argument {self._name}"

    def test(self, request: Request) -> Answer:
        """Return whether it is met."""
        if request.arguments is None:
            return None
        met = [self._met(item, request.command) for item in self._items(request.arguments)]
        return any_of(met) if self._denies else bool(met) and all_of(met)

    def why(self, request: Request) -> str:
        """Explain why it is not met or not known."""
        if request.arguments is None:
            return f"{self._name} is not known"
        texts = [_words(item)[-1] for item in self._items(request.arguments)]
        if not texts:
            return f"{self._name} is not given"
        there = f"{self._name} is {', '.join(texts)}"
        if self.test(request) is None:
            return f"{there}, which is not looked up yet, and {self._values} is asked for"
        return f"{there}, not {self._values}"

    def _items(self, arguments: Mapping[str, Any]) -> Sequence[Any]:
        value = arguments.get(self._name)
        if value is None:
            return ()
        return value if isinstance(value, tuple | list) else (value,)

    def _met(self, item: Any, command: Command) -> Answer:
        if not isinstance(item, Instance) and self.names_targets(command):
            return None
        return any(map(self._values.match, _words(item)))


class Tags(LateCondition):
    """There is a target that has all the tags of the rule.

    Rules that allow are tested for one target at a time.
    """

    def __init__(self, tags: Mapping[str, Sequence[str]]) -> None:
        self._tags = {key: Texts(values) for key, values in tags.items()}

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the tags."""
        return frozenset(self._tags)

    def impossible(self, command: Command) -> str:
        """Explain that the command has no targets."""
        if any(parameter.is_target for parameter in command.parameters):
            return ""
        return f"{command.name} has no targets"

    def test(self, request: Request) -> Answer:
        """Return whether it is met."""
        if request.targets is None:
            return None
        return any(map(self.has, request.targets))

    def has(self, target: Instance) -> bool:
        """Whether a target has all the tags."""
        for key, texts in self._tags.items():
            value = target.tags.get(key)
            if value is None or not texts.match(value):
                return False
        return True

    def why(self, request: Request) -> str:
        """Explain why it is not met or not known."""
        wanted = " and ".join(f"{key}={texts}" for key, texts in self._tags.items())
        if request.targets is None:
            return f"the targets are not known, and {wanted} is asked for"
        if not request.targets:
            return f"there are no targets, and {wanted} is asked for"
        missing = labels(target for target in request.targets if not self.has(target))
        return f"{missing} without {wanted}"


def read(settings: ConditionSettings, *, denies: bool) -> tuple[Condition, ...]:
    """Return the conditions that are set."""
    s, exact = settings, partial(Texts, wild=False)
    conditions: list[tuple[object, Condition]] = [
        (s.roles, Among("the roles are", exact(s.roles), lambda it: it.person.roles)),
        (s.people, Among("the person is", exact(s.people), lambda it: (it.person.name,))),
        (s.commands, Among("the command is", Texts(s.commands), lambda it: (it.command.name,))),
        (s.effects, Effects(s.effects)),
        (s.channels, Among("the channel is", exact(s.channels), lambda it: (it.place.channel,))),
        (s.places, Among("the place is", Texts(s.places), lambda it: (str(it.place),))),
        *((values, Argument(name, values, denies=denies)) for name, values in s.arguments.items()),
        (s.tags, Tags(s.tags)),
    ]
    chosen = tuple(condition for values, condition in conditions if values)
    return chosen if denies else (NamesSensitive(s.commands), *chosen)


class Conditions(ConditionSettings):
    """The conditions of rules, for the configuration of a plugin.

    They mean what they mean in a rule that denies.
    """

    @cached_property
    def _compiled(self) -> tuple[Condition, ...]:
        return read(self, denies=True)

    def met(self, call: Call, effect: Effect) -> bool:
        """Whether a call of this effect, with resolved targets, meets all conditions."""
        command, place = _named(call.command), call.message.place
        request = Request(call.person, command, effect, place, call.arguments, call.targets)
        return all(condition.test(request) is not False for condition in self._compiled)

    def among(self, targets: Iterable[Instance]) -> tuple[Instance, ...]:
        """Return the targets that have the tags."""
        tags = Tags(self.tags)
        return tuple(target for target in targets if tags.has(target))


@lru_cache
def _named(name: str) -> Command:
    """Return a command of which nothing but the name is needed."""
    return Command(name, (), str, "", (), {})


def _words(value: Any) -> tuple[str, ...]:
    """Return the texts by which a rule can name an argument's value."""
    match value:
        case Instance():
            return tuple(filter(None, (value.id, value.name)))
        case bool():
            return ("true" if value else "false",)
        case timedelta():
            return (format_duration(value),)
        case Enum():
            return (str(value.value),)
    return (str(value),)


def labels(targets: Iterable[Instance]) -> str:
    """Return the labels of the first three targets, and the number of the others."""
    labels = [target.label for target in targets]
    more = len(labels) - 3
    return ", ".join(labels[:3]) + (f" and {more} more" if more > 0 else "")


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return yes if one is yes, no if all are no, else None."""
    answers = set(answers)
    return True if True in answers else (None if None in answers else False)


def all_of(answers: Iterable[Answer]) -> Answer:
    """Return no if one is no, yes if all are yes, else None."""
    known: Answer = True
    for answer in answers:
        if answer is False:
            return False
        known = known and answer
    return known
