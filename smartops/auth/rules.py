"""One rule: what the configuration says, and its answer to a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from smartops.errors import Problem, StartupError

from .conditions import (
    Answer,
    Condition,
    ConditionSettings,
    LateCondition,
    Question,
    Tags,
    all_of,
    faults,
    labels,
    read,
)


class RuleSettings(Protocol):
    """A rule, as the configuration has it: it either allows or denies."""

    @property
    def name(self) -> str:
        """Named in the answer when the rule decides."""

    @property
    def allow(self) -> ConditionSettings | None:
        """When it allows."""

    @property
    def deny(self) -> ConditionSettings | None:
        """When it denies."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a rule in plain values; empty ones set none."""

    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in plain values."""

    name: str
    allow: Conditions | None = None
    deny: Conditions | None = None


class CompiledRule:
    """A rule with its conditions read.

    ``early`` conditions are answered by who asks for which command where,
    ``late`` ones by the arguments and targets. A rule that allows must be asked
    about one target at a time.
    """

    def __init__(self, settings: RuleSettings) -> None:
        self.name = settings.name
        self.denies = settings.deny is not None
        chosen = settings.allow if settings.deny is None else settings.deny
        assert chosen is not None
        conditions = read(chosen, denies=self.denies)
        self.early = tuple(item for item in conditions if not isinstance(item, LateCondition))
        self.late = tuple(item for item in conditions if isinstance(item, LateCondition))
        self.tags = next((item for item in conditions if isinstance(item, Tags)), None)

    def begin(self, ask: Question) -> Answer:
        """Answer the early conditions; no also where no call can meet the late ones."""
        if any(condition.impossible(ask.command) for condition in self.late):
            return False
        return all_of(condition.test(ask) for condition in self.early)

    def finish(self, begun: Answer, ask: Question) -> Answer:
        """Answer the late conditions, given the answer to the early ones."""
        for condition in self.late:
            answer = condition.test(ask)
            if not answer:
                begun = answer
                if answer is False:
                    break
        return begun

    def denial(self, ask: Question) -> str:
        """Return the sentence that says that the rule denies, and for which targets."""
        if self.tags is None or not ask.targets:
            return f'The rule "{self.name}" denies this.'
        hit = labels(target for target in ask.targets if self.tags.has(target))
        return f'The rule "{self.name}" denies this for {hit}.'

    def explain(self, ask: Question) -> str:
        """Say in a line whether the rule applies, and why not."""
        head = f"{'deny ' if self.denies else 'allow'} {self.name}"
        for condition in self.late:
            if impossible := condition.impossible(ask.command):
                return f"{head}: does not apply: {impossible}"
        asks = [ask] if self.denies else ask.each()
        answers = [self.finish(self.begin(one), one) for one in asks]
        if all(answers):
            return f"{head}: applies"
        pairs = list(zip(asks, answers, strict=True))
        why_not = self._why_not(next(one for one, answer in pairs if not answer))
        if True in answers:
            hit = labels(one.targets[0] for one, answer in pairs if answer and one.targets)
            return f"{head}: applies to {hit} only: {why_not}"
        return f"{head}: {'does not apply' if False in answers else 'may apply'}: {why_not}"

    def _why_not(self, ask: Question) -> str:
        """Say which condition is not met, or not known to be."""
        conditions: Sequence[Condition] = (*self.early, *self.late)
        answers = [condition.test(ask) for condition in conditions]
        unmet = answers.index(False if False in answers else None)
        return conditions[unmet].why(ask)


def check(rules: Sequence[RuleSettings]) -> None:
    """Raise StartupError with all that is wrong with the rules."""
    problems: list[Problem] = []
    names: set[str] = set()
    for index, rule in enumerate(rules):
        path = f"rules.{index}"
        if not rule.name or rule.name in names:
            text = f"two rules are called {rule.name}" if rule.name else "a rule needs a name"
            problems.append(Problem(text, path=f"{path}.name"))
        names.add(rule.name)
        if (rule.allow is None) == (rule.deny is None):
            problems.append(Problem("a rule must either allow or deny", path=path))
        for word, conditions in (("allow", rule.allow), ("deny", rule.deny)):
            if conditions is not None:
                problems += [Problem(text, path=f"{path}.{word}") for text in faults(conditions)]
    if problems:
        raise StartupError(*problems)
