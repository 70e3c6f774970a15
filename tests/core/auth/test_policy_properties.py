"""Properties of the policy for any rules and calls, with a simple reference model."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import Command, Effect, Identity, Instance, Person, command
from smartops.auth import Decision, Policy
from smartops.channels import Place
from smartops.config.policy import ConditionSettings as Conditions
from smartops.config.policy import RuleSettings as Rule

TAGS = {"Role": ("web", "database"), "Env": ("dev", "prod")}
SCRIPTS = ("df -h", "ls", "rm -rf /")


@command("list instances")
async def listing(state: str | None = None) -> str:
    """List."""
    return ""


@command("execute {script} on {targets}", effect="dangerous")
async def execute(targets: list[Instance], script: str | None = None) -> str:
    """Run."""
    return ""


@execute.classify
async def effect_of(script: str) -> Effect:
    return Effect.READ


@command("stop {targets}", effect="change")
async def stop(targets: list[Instance]) -> str:
    """Stop."""
    return ""


@dataclass(frozen=True)
class Ask:
    person: Person
    command: Command
    effect: Effect
    place: Place
    script: str | None
    targets: tuple[Instance, ...]

    @property
    def arguments(self) -> dict[str, Any]:
        values = {"targets": self.targets, "script": self.script, "state": None}
        return {item.name: values[item.name] for item in self.command.parameters}

    def of(self, policy: Policy) -> Decision:
        return policy.decide(
            self.person, self.command, self.effect, self.place, self.arguments, self.targets
        )


def some(*values: str, least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from(
        [some for size in range(least, 3) for some in combinations(values, size)]
    )


def one_of_each(values: dict[str, tuple[str, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    optional = {key: some(*texts, least=1) for key, texts in values.items()}
    return st.fixed_dictionaries({}, optional=optional)


conditions = (
    st.fixed_dictionaries(
        {
            "roles": some("viewer", "operator", "admin"),
            "people": some("alice", "bob"),
            "commands": some("stop", "execute on", "list *", "*"),
            "effects": some("read", "change", "dangerous"),
            "channels": some("api", "teams"),
            "places": some("api", "teams/*", "*/ops"),
            "arguments": one_of_each(
                {"script": ("df *", "ls", "rm*"), "targets": ("web-*", "i-1")}
            ),
            "tags": one_of_each({"Role": ("web", "data*"), "Env": ("dev", "*")}),
        }
    )
    .map(lambda drawn: {name: values for name, values in drawn.items() if values})
    .filter(bool)
    .map(lambda given: Conditions(**given))
)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Rule]:
    drawn = draw(st.lists(st.tuples(st.booleans(), conditions), max_size=6))
    return [
        Rule(name=f"rule-{index}", deny=item) if denies else Rule(name=f"rule-{index}", allow=item)
        for index, (denies, item) in enumerate(drawn)
    ]


instances = st.builds(
    Instance,
    id=st.sampled_from(("i-1", "i-2", "i-3")),
    name=st.sampled_from(("web-1", "db-1", "")),
    type=st.just("t3"),
    state=st.just("running"),
    platform=st.just("linux"),
    tags=st.fixed_dictionaries(
        {}, optional={key: st.sampled_from(values) for key, values in TAGS.items()}
    ),
)


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    name = draw(st.sampled_from(("alice", "bob", "carol")))
    roles = frozenset(draw(some("viewer", "operator", "admin")))
    chosen = draw(st.sampled_from((listing, execute, stop)))
    effect = draw(st.sampled_from(tuple(Effect))) if chosen is execute else chosen.effect
    targets = () if chosen is listing else tuple(draw(st.lists(instances, max_size=3)))
    place = draw(st.sampled_from((Place("api"), Place("teams", "T", "ops"), Place("teams", "U"))))
    script = draw(st.sampled_from((*SCRIPTS, None))) if chosen is execute else None
    return Ask(
        Person(name, roles, Identity("local", "", name)), chosen, effect, place, script, targets
    )


def is_met(item: Conditions, ask: Ask, *, denies: bool) -> bool:
    """Return whether a rule's conditions are met."""

    def among(text: str, texts: tuple[str, ...]) -> bool:
        return any(fnmatch.fnmatchcase(text, pattern) for pattern in texts)

    def named(target: Instance, texts: tuple[str, ...]) -> bool:
        return among(target.id, texts) or (target.name != "" and among(target.name, texts))

    def argument(name: str, texts: tuple[str, ...]) -> bool:
        value = ask.arguments.get(name)
        if name == "targets":
            met = [named(target, texts) for target in value or ()]
            return any(met) if denies else bool(met) and all(met)
        return value is not None and among(value, texts)

    return (
        (not item.roles or bool(ask.person.roles & set(item.roles)))
        and (not item.people or ask.person.name in item.people)
        and (not item.commands or among(ask.command.name, item.commands))
        and (not item.effects or ask.effect in item.effects)
        and (not item.channels or ask.place.channel in item.channels)
        and (not item.places or among(str(ask.place), item.places))
        and all(argument(name, texts) for name, texts in item.arguments.items())
        and (not item.tags or any(tagged(item, target) for target in ask.targets))
    )


def tagged(item: Conditions, target: Instance) -> bool:
    return all(
        any(fnmatch.fnmatchcase(target.tags.get(key, "\0"), pattern) for pattern in texts)
        and key in target.tags
        for key, texts in item.tags.items()
    )


def oracle(rules: list[Rule], ask: Ask) -> bool:
    def allows(item: Conditions, target: Instance | None) -> bool:
        if target is not None and item.tags and not tagged(item, target):
            return False
        return is_met(item, ask, denies=False)

    if any(rule.deny and is_met(rule.deny, ask, denies=True) for rule in rules):
        return False
    allowing = [rule.allow for rule in rules if rule.allow]
    return all(any(allows(item, target) for item in allowing) for target in ask.targets or (None,))


many = settings(deadline=None, max_examples=60)


@many
@given(rule_sets(), asks())
def test_decisions_equal_those_of_the_reference_model(rules: list[Rule], ask: Ask) -> None:
    decision = ask.of(Policy(rules))
    assert decision.allowed is oracle(rules, ask)
    assert not decision.maybe


@many
@given(rule_sets(), conditions, st.lists(asks(), min_size=1, max_size=5), st.integers(0, 6))
def test_one_more_deny_never_allows_more(
    rules: list[Rule], added: Conditions, questions: list[Ask], where: int
) -> None:
    before = Policy(rules)
    after = Policy([*rules[:where], Rule(name="added", deny=added), *rules[where:]])
    for ask in questions:
        assert ask.of(before).allowed or not ask.of(after).allowed
        known = (ask.person, ask.command, ask.place)
        assert before.may_ever(*known) or not after.may_ever(*known)


@many
@given(rule_sets(), asks())
def test_an_early_decision_is_final(rules: list[Rule], ask: Ask) -> None:
    policy = Policy(rules)
    final = ask.of(policy)
    unresolved = {**ask.arguments, "targets": tuple(target.label for target in ask.targets)}
    for effect in (ask.effect, None):
        for arguments in (None, unresolved):
            known = (ask.person, ask.command, effect, ask.place, arguments, None)
            if effect is None and ask.command is not execute:
                continue
            early = policy.decide(*known)
            assert early.maybe or early.allowed is final.allowed
    if final.allowed:
        assert policy.may_ever(ask.person, ask.command, ask.place)
