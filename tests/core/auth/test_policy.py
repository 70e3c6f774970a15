"""Rules by example: each condition, open decisions, explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest

from smartops import Command, Effect, Identity, Instance, Person, command
from smartops.auth import Decision, Policy
from smartops.channels import Place
from smartops.config.policy import ConditionSettings, RuleSettings
from smartops.grammar import Reference

ALICE = Person("alice", frozenset({"viewer", "operator"}), Identity("local", "", "alice"))
BOB = Person("bob", frozenset({"viewer"}), Identity("local", "", "bob"))
NOBODY = Person("corp:T:9", frozenset(), Identity("corp", "T", "9"))
HERE = Place("teams", "T", "ops", "general")

WEB = Instance("i-1", "web-1", "t3", "running", "linux", tags={"Role": "web", "Env": "dev"})
DB = Instance("i-2", "db-1", "t3", "running", "linux", tags={"Role": "database", "Env": "dev"})
BARE = Instance("i-3", "", "t3", "running", "linux")


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@command("list instances")
async def list_instances(state: str | None = None) -> str:
    """List."""
    return ""


@command("stop {targets}", effect="change")
async def stop(
    targets: list[Instance],
    force: bool = False,
    wait: timedelta = timedelta(0),
    size: Size = Size.SMALL,
) -> str:
    """Stop."""
    return ""


@command("execute {script} on {targets}", effect="dangerous")
async def execute(script: str, targets: list[Instance]) -> str:
    """Run."""
    return ""


@execute.classify
async def effect_of(script: str) -> Effect:
    return Effect.READ


def allow(name: str, **conditions: Any) -> RuleSettings:
    return RuleSettings(name=name, allow=ConditionSettings(**conditions))


def deny(name: str, **conditions: Any) -> RuleSettings:
    return RuleSettings(name=name, deny=ConditionSettings(**conditions))


USUAL = (
    allow("everyone-reads", roles=("viewer",), effects=("read",)),
    allow("operators-change", roles=("operator",), effects=("read", "change")),
    deny("hands-off-databases", commands=("stop", "reboot"), tags={"Role": ("database",)}),
)


def decide(
    rules: Sequence[RuleSettings],
    *targets: Instance,
    person: Person = ALICE,
    what: Command = stop,
    effect: Effect | None = Effect.CHANGE,
    place: Place = HERE,
    **arguments: Any,
) -> Decision:
    given = {"targets": targets, **arguments}
    return Policy(rules).decide(person, what, effect, place, given, targets)


def allowed(*rules: RuleSettings, **question: Any) -> bool:
    return decide(rules, WEB, **question).allowed


def test_without_a_rule_nothing_is_allowed() -> None:
    assert decide(()) == Decision(False, "", False, "No rule allows this.")


def test_a_rule_allows() -> None:
    reason = 'The rule "operators-change" allows this.'
    assert decide(USUAL, WEB) == Decision(True, "operators-change", False, reason)
    read = decide(USUAL, what=list_instances, effect=Effect.READ, person=BOB)
    assert read == Decision(True, "everyone-reads", False, 'The rule "everyone-reads" allows this.')


def test_a_deny_wins_and_names_the_targets() -> None:
    reason = 'The rule "hands-off-databases" denies this for db-1.'
    assert decide(USUAL, WEB, DB) == Decision(False, "hands-off-databases", False, reason)


@pytest.mark.parametrize("person", [BOB, NOBODY])
def test_roles_are_held_or_not(person: Person) -> None:
    assert not decide(USUAL, WEB, person=person).allowed


@pytest.mark.parametrize(
    ("conditions", "met"),
    [
        ({"roles": ("admin", "operator")}, True),
        ({"roles": ("admin",)}, False),
        ({"roles": ("oper*",)}, False),
        ({"people": ("alice",)}, True),
        ({"people": ("bob", "Alice", "al*")}, False),
        ({"commands": ("stop",)}, True),
        ({"commands": ("st?p", "x")}, True),
        ({"commands": ("x*", "st?p")}, True),
        ({"commands": ("list *", "sto", "stop *", "[s]top")}, False),
        ({"effects": ("change",)}, True),
        ({"effects": ("read", "dangerous")}, False),
        ({"channels": ("slack", "teams")}, True),
        ({"channels": ("tea*",)}, False),
        ({"places": ("teams/T/*",)}, True),
        ({"places": ("teams/T/ops/general",)}, True),
        ({"places": ("teams/T", "*/U/*")}, False),
        ({"arguments": {"force": ("false",)}}, True),
        ({"arguments": {"force": ("true",)}}, False),
        ({"arguments": {"wait": ("1h30m",)}}, True),
        ({"arguments": {"size": ("large",)}}, True),
        ({"arguments": {"targets": ("web-*",)}}, True),
        ({"arguments": {"targets": ("i-1",)}}, True),
        ({"arguments": {"targets": ("i-2",)}}, False),
        ({"arguments": {"force": ("*",), "size": ("small",)}}, False),
        ({"arguments": {"nothing": ("*",)}}, False),
        ({"tags": {"Role": ("db", "w*")}}, True),
        ({"tags": {"Role": ("web",), "Env": ("*",)}}, True),
        ({"tags": {"Role": ("web",), "Owner": ("*",)}}, False),
        ({"tags": {"role": ("web",)}}, False),
        ({"roles": ("operator",), "channels": ("slack",)}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], met: bool) -> None:
    question = {"force": False, "wait": timedelta(minutes=90), "size": Size.LARGE}
    everything = allow("everything", commands=("*",))
    assert allowed(allow("rule", **conditions), **question) is met
    assert allowed(everything, deny("rule", **conditions), **question) is not met


def test_wildcards_span_lines_and_brackets_are_plain() -> None:
    rules = (allow("a", commands=("*",)), deny("d", arguments={"script": ("rm *", "[x]")}))
    for script, is_allowed in (
        ("rm -rf /\nls", False),
        ("[x]", False),
        ("x", True),
        ("ls; rm x", True),
    ):
        assert decide(rules, WEB, what=execute, script=script).allowed is is_allowed


def test_a_long_argument_does_not_slow_a_pattern_down() -> None:
    rules = (allow("a", commands=("*",)), deny("d", arguments={"script": ("*a*a*a*a*a*a*b",)}))
    assert decide(rules, WEB, what=execute, script="a" * 20_000).allowed


def test_an_allow_needs_every_item_of_a_list_and_a_deny_any() -> None:
    web_only = allow("web-only", arguments={"targets": ("web-*",)})
    everything = allow("everything", commands=("*",))
    not_web = deny("not-web", arguments={"targets": ("web-*",)})
    assert decide((web_only,), WEB).allowed
    assert not decide((web_only,), WEB, DB).allowed
    assert not decide((everything, not_web), WEB, DB).allowed
    assert decide((everything, not_web), DB).allowed
    assert not decide((web_only,)).allowed


def test_an_argument_that_is_not_given_meets_nothing() -> None:
    rules = (allow("any-state", arguments={"state": ("*",)}),)
    assert not decide(rules, what=list_instances, state=None).allowed
    assert decide(rules, what=list_instances, state="").allowed


def test_each_target_needs_a_rule_that_allows_it() -> None:
    web = allow("web", tags={"Role": ("web",)})
    database = allow("database", tags={"Role": ("database",)})
    both = decide((web, database), WEB, DB)
    assert both == Decision(
        True, "web, database", False, 'The rules "web" and "database" allow this.'
    )
    refused = decide((web, database), WEB, BARE, DB)
    assert refused == Decision(False, "", False, "No rule allows this for i-3.")


def test_tags_are_met_by_one_target_not_by_several_together() -> None:
    both_tags = {"Role": ("database",), "Owner": ("x",)}
    owned = Instance("i-4", "x", "t3", "running", "linux", tags={"Owner": "x"})
    rules = (allow("a", commands=("*",)), deny("d", tags=both_tags))
    assert decide(rules, DB, owned).allowed


def test_tags_without_targets_are_not_met() -> None:
    assert not decide((allow("a", tags={"Env": ("*",)}),)).allowed
    assert decide((allow("a", commands=("*",)), deny("d", tags={"Env": ("*",)}))).allowed


def test_a_rule_about_tags_needs_every_target_beside_one_about_arguments() -> None:
    rules = (allow("forced", arguments={"force": ("true",)}), allow("web", tags={"Role": ("web",)}))
    assert not decide(rules, WEB, BARE, force=False).allowed
    assert decide(rules, WEB, BARE, force=True).allowed
    assert decide(rules, WEB, force=False).allowed


Known = Mapping[str, Any] | None


ALL = allow("a", commands=("*",))
TAGGED = allow("a", tags={"x": ("*",)})
FORCED = allow("a", arguments={"force": ("true",)})
NAMED = {"arguments": {"targets": ("web-*",)}}
EFFECTS = ("read", "change", "dangerous")
NO_TAG = deny("d", tags={"x": ("*",)})
NOT_FORCED, TARGETS = {"force": False}, {"targets": ("not looked up yet",)}
READ, CHANGE, DANGEROUS = Effect


@pytest.mark.parametrize(
    ("rules", "what", "effect", "arguments", "targets", "outcome"),
    [
        (USUAL, stop, CHANGE, None, None, "maybe hands-off-databases"),
        (USUAL, stop, CHANGE, {"targets": ("web-1",)}, None, "maybe hands-off-databases"),
        (USUAL, list_instances, READ, None, None, "yes everyone-reads"),
        (USUAL, execute, None, {"script": "df"}, None, "maybe everyone-reads"),
        (USUAL, execute, DANGEROUS, None, None, "no "),
        (USUAL, execute, READ, {"script": "df"}, (DB,), "yes everyone-reads"),
        ((TAGGED,), stop, CHANGE, {}, None, "maybe a"),
        ((TAGGED,), list_instances, READ, None, None, "no "),
        ((allow("a", arguments={"x": ("*",)}),), stop, CHANGE, None, None, "no "),
        ((FORCED,), stop, CHANGE, None, None, "maybe a"),
        ((FORCED,), stop, CHANGE, NOT_FORCED, None, "no "),
        ((allow("a", **NAMED),), stop, CHANGE, TARGETS, None, "maybe a"),
        ((ALL, deny("d", **NAMED)), stop, CHANGE, TARGETS, None, "maybe d"),
        ((allow("a", roles=("admin",)), NO_TAG), stop, CHANGE, None, None, "no "),
        ((FORCED, NO_TAG), stop, CHANGE, NOT_FORCED, None, "no "),
        ((TAGGED, deny("d", roles=("viewer",))), stop, CHANGE, None, None, "no d"),
        ((ALL, deny("d", effects=("dangerous",))), execute, None, None, None, "maybe d"),
        ((allow("a", effects=EFFECTS),), execute, None, None, None, "yes a"),
        ((allow("a", effects=("dangerous",)),), stop, None, None, None, "no "),
    ],
)
def test_unknown_arguments_leave_the_decision_open(
    rules: Sequence[RuleSettings],
    what: Command,
    effect: Effect | None,
    arguments: Known,
    targets: Sequence[Instance] | None,
    outcome: str,
) -> None:
    decision = Policy(rules).decide(ALICE, what, effect, HERE, arguments, targets)
    word = "yes" if decision.allowed else "maybe" if decision.maybe else "no"
    assert f"{word} {decision.rule}" == outcome
    assert not (decision.allowed and decision.maybe)
    if decision.maybe:
        known = f'The rule "{decision.rule}" decides once the arguments and targets are known.'
        assert decision.reason == known


def test_help_lists_commands_that_may_be_allowed() -> None:
    policy = Policy(USUAL)
    assert policy.may_ever(ALICE, stop, HERE)
    assert not policy.may_ever(BOB, stop, HERE)
    assert policy.may_ever(BOB, list_instances, HERE)
    assert policy.may_ever(BOB, execute, HERE), "its effect may turn out to be reading"
    assert not policy.may_ever(NOBODY, list_instances, HERE)


def test_help_does_not_list_commands_that_are_always_denied() -> None:
    rules = (allow("a", effects=("read",)), deny("d", effects=("read",)))
    assert not Policy(rules).may_ever(ALICE, execute, HERE)


def test_cached_cases_depend_on_person_and_place() -> None:
    policy = Policy(
        (
            allow("alice-here", people=("alice",), places=("teams/T/*",)),
            allow("bob-there", people=("bob",), channels=("api",)),
        )
    )
    there = Place("api")
    bob = replace(ALICE, name="bob")
    for _ in range(2):
        assert policy.may_ever(ALICE, stop, HERE)
        assert not policy.may_ever(ALICE, stop, there)
        assert not policy.may_ever(bob, stop, HERE)
        assert policy.may_ever(bob, stop, there)
        assert not policy.may_ever(NOBODY, stop, there)
        assert not policy.may_ever(ALICE, stop, Place("teams", "T2", "ops", "general"))


def test_the_number_of_cached_cases_is_bounded() -> None:
    policy = Policy(USUAL)
    for number in range(8200):
        assert policy.may_ever(ALICE, stop, Place("api", room=str(number)))
    assert len(policy._cases) <= 8192


def test_explains_every_rule() -> None:
    rules = (
        *USUAL,
        allow("web", arguments={"force": ("true",)}, tags={"Role": ("web",)}),
        allow("others", people=("bob",)),
        allow("dev", tags={"Env": ("dev", "test")}),
        deny("long", arguments={"timeout": ("1h",)}),
    )
    targets = (WEB, BARE)
    arguments = {"targets": targets, "force": True}
    lines = Policy(rules).explain(ALICE, stop, Effect.CHANGE, HERE, arguments, targets)
    assert lines == [
        "person alice in teams/T/ops/general, roles: operator, viewer",
        "allow everyone-reads: does not apply: the effect is change, not read",
        "allow operators-change: applies",
        "deny  hands-off-databases: does not apply: web-1, i-3 without Role=database",
        "allow web: applies to web-1 only: i-3 without Role=web",
        "allow others: does not apply: the person is alice, not bob",
        "allow dev: applies to web-1 only: i-3 without Env=dev or test",
        "deny  long: does not apply: stop has no argument timeout",
        'allowed: The rule "operators-change" allows this.',
    ]


def test_explains_what_is_not_known_yet() -> None:
    rules = (*USUAL, allow("forced", arguments={"force": ("true",)}))
    policy = Policy(rules)
    assert policy.explain(ALICE, stop, Effect.CHANGE, HERE, None, None)[1:] == [
        "allow everyone-reads: does not apply: the effect is change, not read",
        "allow operators-change: applies",
        "deny  hands-off-databases: may apply: the targets are not known, and Role=database is "
        "asked for",
        "allow forced: may apply: force is not known",
        'not known yet: The rule "hands-off-databases" decides once the arguments and targets '
        "are known.",
    ]
    assert policy.explain(NOBODY, list_instances, None, Place("api"), {}, ()) == [
        "person corp:T:9 in api, roles: none",
        "allow everyone-reads: does not apply: the roles are none, not viewer",
        "allow operators-change: does not apply: the roles are none, not operator",
        "deny  hands-off-databases: does not apply: list instances has no targets",
        "allow forced: does not apply: list instances has no argument force",
        "denied: No rule allows this. It needs the role operator or viewer.",
    ]


def test_explains_a_rule_by_the_condition_that_decides_its_verdict() -> None:
    rules = (*USUAL, deny("by-name", arguments={"targets": ("db-*",)}))
    arguments = {"script": "ls", "targets": (Reference("web-1"),)}
    lines = Policy(rules).explain(ALICE, execute, None, HERE, arguments, None)
    assert lines[1:5] == [
        "allow everyone-reads: may apply: the effect is not known yet; it may be read or change "
        "or dangerous, and read is asked for",
        "allow operators-change: may apply: the effect is not known yet; it may be read or change "
        "or dangerous, and change or read is asked for",
        "deny  hands-off-databases: does not apply: the command is execute, not stop or reboot",
        "deny  by-name: may apply: targets is web-1, which is not looked up yet, and db-* is "
        "asked for",
    ]


def test_explains_arguments() -> None:
    rules = (deny("d", arguments={"script": ("rm *",)}), allow("a", arguments={"script": ("df*",)}))
    lines = Policy(rules).explain(
        ALICE, execute, Effect.READ, HERE, {"script": "ls", "targets": ()}, ()
    )
    assert lines[1:] == [
        "deny  d: does not apply: script is ls, not rm *",
        "allow a: does not apply: script is ls, not df*",
        "denied: No rule allows this.",
    ]


def test_names_few_of_many_targets() -> None:
    assert decide(USUAL, DB, DB, DB).reason.endswith("for db-1, db-1, db-1.")
    many = [Instance(f"i-{n}", f"db-{n}", "t3", "running", "linux", tags=DB.tags) for n in range(9)]
    reason = decide(USUAL, *many).reason
    assert reason == 'The rule "hands-off-databases" denies this for db-0, db-1, db-2 and 6 more.'
