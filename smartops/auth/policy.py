"""May this person do this here: rules from the configuration, deny by default, deny wins.

Most of a rule is settled by who asks what where, and the same people ask the
same things in the same places all day. So the rules that are left for such a
case are found once and kept, and a decision is mostly one look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from smartops.backend import Instance
from smartops.command import Command, Effect
from smartops.errors import Problem, StartupError
from smartops.message import Person, Place

from .conditions import Answer, ConditionSettings, Question, Tags, all_of, faults, labels, read

MAX_CASES = 8192


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


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says.

    ``rule`` names the rule that decided, and is empty if none did. With
    ``maybe`` it depends on what is not known yet; ``allowed`` is then False.
    ``reason`` is a sentence for the person who asked.
    """

    allowed: bool
    rule: str = ""
    maybe: bool = False
    reason: str = ""


class Policy:
    """All rules. Raises StartupError if one cannot be understood.

    An unknown person, command, effect or place is no special case: what no
    rule allows is denied. A command on several targets is allowed if it is
    allowed on each of them, and denied if it is denied on any.
    """

    def __init__(self, rules: Sequence[RuleSettings]) -> None:
        _check(rules)
        self._rules = tuple(_Rule(rule) for rule in rules)
        conditions = [rule.allow or rule.deny for rule in rules]
        self._named = frozenset(name for item in conditions if item for name in item.people)
        self._cases: dict[tuple[object, ...], _Case] = {}

    def decide(  # noqa: PLR0917 - a question has six parts
        self,
        person: Person,
        command: Command,
        effect: Effect | None,
        place: Place,
        arguments: Mapping[str, Any] | None,
        targets: Sequence[Instance] | None,
    ) -> Decision:
        """Decide; None stands for what is not known yet, as do targets that are not resolved."""
        case = self._case(person, command, effect, place)
        if case.settled is not None:
            return case.settled
        return case.decide(Question(person, command, effect, place, arguments, targets))

    def may_ever(self, person: Person, command: Command, place: Place) -> bool:
        """Whether there may be arguments and targets with which the person may run the command."""
        effect = None if "classify" in command.companions else command.effect
        return self._case(person, command, effect, place).ever

    def explain(  # noqa: PLR0917 - a question has six parts
        self,
        person: Person,
        command: Command,
        effect: Effect | None,
        place: Place,
        arguments: Mapping[str, Any] | None,
        targets: Sequence[Instance] | None,
    ) -> list[str]:
        """Say for every rule whether it applies and why not, then the decision; a line each."""
        ask = Question(person, command, effect, place, arguments, targets)
        roles = ", ".join(sorted(person.roles)) or "none"
        lines = [f"person {person.name} in {place}, roles: {roles}"]
        lines += [rule.explain(ask) for rule in self._rules]
        decision = self.decide(person, command, effect, place, arguments, targets)
        outcome = "allowed" if decision.allowed else "not known yet" if decision.maybe else "denied"
        return [*lines, f"{outcome}: {decision.reason}"]

    def _case(self, person: Person, command: Command, effect: Effect | None, place: Place) -> _Case:
        key = (
            person.roles,
            person.name if person.name in self._named else "",
            command.name,
            effect,
            place.channel,
            place.tenant,
            place.team,
            place.room,
        )
        case = self._cases.get(key)
        if case is None:
            if len(self._cases) >= MAX_CASES:
                self._cases.clear()
            case = self._cases[key] = _Case(self._rules, Question(person, command, effect, place))
        return case


class _Rule:
    """One rule with its conditions read."""

    def __init__(self, settings: RuleSettings) -> None:
        self.name = settings.name
        self.denies = settings.deny is not None
        chosen = settings.allow if settings.deny is None else settings.deny
        assert chosen is not None
        conditions = read(chosen, denies=self.denies)
        self.early = tuple(item for item in conditions if item.early)
        self.late = tuple(item for item in conditions if not item.early)
        self.tags = next((item for item in conditions if isinstance(item, Tags)), None)

    def begin(self, ask: Question) -> Answer:
        """Answer from who asks for which command where; None if that does not settle it."""
        if not all(condition.can_be_met(ask.command) for condition in self.late):
            return False
        early = all_of(condition.test(ask) for condition in self.early)
        return None if early and self.late else early

    def answer(self, ask: Question) -> Answer:
        """Say whether the rule applies; a rule that allows must be asked about one target."""
        return all_of(condition.test(ask) for condition in (*self.early, *self.late))

    def denial(self, ask: Question) -> str:
        """Return the sentence that says that the rule denies, and for which targets."""
        if self.tags is None or not ask.targets:
            return f'The rule "{self.name}" denies this.'
        hit = labels(target for target in ask.targets if self.tags.has(target))
        return f'The rule "{self.name}" denies this for {hit}.'

    def explain(self, ask: Question) -> str:
        """Say in a line whether the rule applies, and why not."""
        head = f"{'deny ' if self.denies else 'allow'} {self.name}"
        impossible = [item for item in self.late if not item.can_be_met(ask.command)]
        if impossible:
            return f"{head}: does not apply: {impossible[0].why_never(ask.command)}"
        asks = [ask] if self.denies else _one_by_one(ask)
        answers = [self.answer(one) for one in asks]
        if all(answers):
            return f"{head}: applies"
        failed = next(one for one, answer in zip(asks, answers, strict=True) if not answer)
        if True in answers:
            hit = labels(
                target
                for one, answer in zip(asks, answers, strict=True)
                if answer
                for target in one.targets or ()
            )
            head = f"{head}: applies to {hit}; not to the rest"
        else:
            head = f"{head}: {'does not apply' if False in answers else 'may apply'}"
        return f"{head}: {self._why_not(failed)}"

    def _why_not(self, ask: Question) -> str:
        """Say which condition is not met, or not known to be."""
        tests = [(item, item.test(ask)) for item in (*self.early, *self.late)]
        worst = False if any(answer is False for _, answer in tests) else None
        return next(item.why(ask) for item, answer in tests if answer is worst)


class _Case:
    """The rules that are left once it is known who asks for which command where."""

    def __init__(self, rules: Iterable[_Rule], ask: Question) -> None:
        left = [(rule, answer) for rule in rules if (answer := rule.begin(ask)) is not False]
        self._denies = tuple(rule for rule, _ in left if rule.denies)
        self._allows = tuple(rule for rule, _ in left if not rule.denies)
        self._by_target = any(rule.tags for rule in self._allows)
        self.settled = self._settle({rule.name for rule, answer in left if answer}, ask)
        self.ever = self.settled is None or self.settled.allowed

    def _settle(self, certain: set[str], ask: Question) -> Decision | None:
        """Return the decision if neither arguments nor targets can change it."""
        for rule in self._denies:
            if rule.name in certain:
                return Decision(False, rule.name, reason=rule.denial(ask))
        if not self._allows:
            return Decision(False, reason="No rule allows this.")
        for rule in () if self._denies else self._allows:
            if rule.name in certain:
                return _allowed([rule.name])
        return None

    def decide(self, ask: Question) -> Decision:
        """Decide a case that is not settled."""
        denied: Answer = False
        denier = ""
        for rule in self._denies:
            answer = rule.answer(ask)
            if answer:
                return Decision(False, rule.name, reason=rule.denial(ask))
            if answer is None and denied is False:
                denied, denier = None, rule.name
        decision = self._allow(ask)
        if denied is None and (decision.allowed or decision.maybe):
            return _open(denier)
        return decision

    def _allow(self, ask: Question) -> Decision:
        asks = _one_by_one(ask) if self._by_target else [ask]
        found = [self._first(one) for one in asks]
        answer = all_of(one for one, _ in found)
        if answer:
            return _allowed(name for _, name in found)
        if answer is None:
            return _open(next(name for one, name in found if one is None))
        if not self._by_target or not ask.targets:
            return Decision(False, reason="No rule allows this.")
        pairs = zip(ask.targets, found, strict=True)
        refused = labels(target for target, (one, _) in pairs if one is False)
        return Decision(False, reason=f"No rule allows this for {refused}.")

    def _first(self, ask: Question) -> tuple[Answer, str]:
        """Return the first rule that allows, else the first that may."""
        best: tuple[Answer, str] = (False, "")
        for rule in self._allows:
            answer = rule.answer(ask)
            if answer:
                return True, rule.name
            if answer is None and best[0] is False:
                best = (None, rule.name)
        return best


def _one_by_one(ask: Question) -> list[Question]:
    """Return the question for each target alone."""
    if not ask.targets or len(ask.targets) == 1:
        return [ask]
    known = (ask.person, ask.command, ask.effect, ask.place, ask.arguments)
    return [Question(*known, (target,)) for target in ask.targets]


def _allowed(names: Iterable[str]) -> Decision:
    several = list(dict.fromkeys(names))
    quoted = " and ".join(f'"{name}"' for name in several)
    word, verb = ("rule", "allows") if len(several) == 1 else ("rules", "allow")
    return Decision(True, ", ".join(several), reason=f"The {word} {quoted} {verb} this.")


def _open(name: str) -> Decision:
    reason = f'The rule "{name}" decides once the arguments and targets are known.'
    return Decision(False, name, maybe=True, reason=reason)


def _check(rules: Sequence[RuleSettings]) -> None:
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
