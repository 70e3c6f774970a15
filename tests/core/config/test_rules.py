"""Rules that can never apply are found at start, with their place."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from smartops import Effect, Instance, StartupError, command


@command("list instances")
async def list_instances(
    *,
    state: str = "",
    platform: Literal["linux", "windows"] = "linux",
    page: int = 1,
    share: float = 0.5,
    all: bool = False,
) -> str:
    """List."""
    return state


@command("stop {targets}", effect="change")
async def stop(targets: list[Instance]) -> str:
    """Stop."""
    return ""


@command("show {target}")
async def show(target: Instance) -> str:
    """Show."""
    return ""


@command("execute {script} on {targets}", effect="change")
async def execute(script: str, targets: list[Instance], *, timeout: timedelta | None = None) -> str:
    """Run a script."""
    return ""


@execute.classify
async def effect_of() -> Effect:
    return Effect.READ


COMMANDS = (list_instances, stop, show, execute)


@pytest.fixture
def unmet(document):
    def find(rule: str) -> list[str]:
        made = document(f"rules: [{{name: a, {rule}}}]")
        return [str(problem) for problem in made.unmet(COMMANDS, ["api", "teams"])]

    return find


@pytest.mark.parametrize(
    "rule",
    [
        "allow: {effects: [read, change, dangerous]}",
        "allow: {effects: dangerous}",
        "deny: {commands: '*'}",
        "deny: {commands: [stop, l?st *], channels: [api, console]}",
        "deny: {commands: [stop, execute], arguments: {script: rm *}}",
        "deny: {arguments: {script: rm *, targets: db-*, timeout: 1h}, tags: {Role: db}}",
        "deny: {commands: execute, effects: read}",
        "deny: {places: [teams, teams/T/*, '*/T', '?eams/x']}",
        "deny: {tags: {Anything: x}}",
        "deny: {arguments: {platform: linux, all: true}}",
        "deny: {arguments: {timeout: [1m, 1h, '9*']}}",
        "deny: {arguments: {page: 2, share: 0.25, platform: 'win*'}}",
    ],
)
def test_a_rule_that_some_call_can_meet_is_good(unmet, rule):
    assert unmet(rule) == []


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            "deny: {commands: [stpo, stop]}",
            "1:37: rules.0.deny.commands.0: there is no command stpo; did you mean stop?",
        ),
        (
            "allow: {commands: lst*}",
            "1:37: rules.0.allow.commands: there is no command lst*; "
            "the commands are list instances, stop, show, execute",
        ),
        (
            "deny: {commands: 'sto[p]'}",
            "1:36: rules.0.deny.commands: there is no command sto[p]; did you mean stop?",
        ),
        (
            "deny: {arguments: {scirpt: x}}",
            "1:38: rules.0.deny.arguments.scirpt: no command has the argument scirpt; "
            "did you mean script?",
        ),
        (
            "deny: {commands: [stop, show], arguments: {script: x}}",
            "1:62: rules.0.deny.arguments.script: no command of this rule has the argument "
            "script; the arguments are target, targets",
        ),
        (
            "deny: {arguments: {targets: [web-2], target: [web-2]}}",
            "1:26: rules.0.deny.arguments: no command has the arguments targets and target "
            "together; all of them must be given; use a rule for each",
        ),
        (
            "deny: {arguments: {state: x}, tags: {Role: db}}",
            "1:49: rules.0.deny.tags: no command has targets, and tags are those of targets",
        ),
        (
            "deny: {commands: stop, effects: [read, dangerous]}",
            "1:42: rules.0.deny.effects: no command of this rule has the effect read or "
            "dangerous; theirs is change",
        ),
        (
            "deny: {arguments: {timeout: [1m, 60s]}}",
            "1:52: rules.0.deny.arguments.timeout.1: timeout is never 60s; write 1m",
        ),
        (
            "deny: {arguments: {timeout: soon}}",
            "1:47: rules.0.deny.arguments.timeout: timeout is never soon",
        ),
        (
            "deny: {arguments: {platform: [Linux]}}",
            "1:49: rules.0.deny.arguments.platform.0: platform is never Linux; did you mean linux?",
        ),
        (
            "deny: {arguments: {all: 'yes'}}",
            "1:43: rules.0.deny.arguments.all: all is never yes; the values are true, false",
        ),
        (
            "deny: {arguments: {share: .5}}",
            "1:45: rules.0.deny.arguments.share: share is never .5; write 0.5",
        ),
        (
            "deny: {tags: {Ro*: db}}",
            "1:33: rules.0.deny.tags.Ro*: no tag has the key Ro*; "
            "write a whole key; only values take * and ?",
        ),
        (
            "deny: {tags: {'tag:Role': db}}",
            "1:33: rules.0.deny.tags.tag:Role: no tag has the key 'tag:Role'; write Role: VALUE",
        ),
        (
            "deny: {tags: {Role=db: x}}",
            "1:33: rules.0.deny.tags.Role=db: no tag has the key 'Role=db'; write Role: VALUE",
        ),
        (
            "deny: {tags: {Role: [db, ' web']}}",
            "1:44: rules.0.deny.tags.Role.1: has blanks around it; leave them out",
        ),
        (
            "deny: {channels: api, places: [teams/*, console]}",
            "1:41: rules.0.deny.places: no place is in the channel api",
        ),
        (
            "allow: {channels: temas}",
            "1:37: rules.0.allow.channels: there is no channel temas; did you mean teams?",
        ),
        (
            "allow: {places: [slack/T1/*]}",
            "1:36: rules.0.allow.places.0: there is no channel slack; "
            "the channels are api, teams, console",
        ),
    ],
)
def test_a_rule_that_no_call_can_meet_is_a_problem(unmet, rule, problem):
    assert unmet(rule) == [f"smartops.yaml:{problem}"]


def test_all_problems_of_a_rule_are_found(unmet):
    found = unmet("deny: {commands: [stpo], arguments: {scirpt: x}, channels: api2}")
    assert [line.split(": ")[1].removeprefix("rules.0.deny.") for line in found] == [
        "commands.0",
        "arguments.scirpt",
        "channels",
    ]


APPROVALS = "roles: {lead: }\nplaces: {ops: teams/T/C}\napprovals: [{name: a, "


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("for: {effects: change}, from: {roles: led}", "there is no role led; did you mean lead?"),
        ("for: {commands: stopp}, from: {roles: lead}", "there is no command stopp; did you mean"),
        ("for: {effects: read}, from: {roles: lead}", "a read needs no approval"),
        ("for: {effects: change}, from: {roles: lead}, ask: opps", "there is no place opps; did"),
        ("for: {effects: change}, from: {roles: lead}, ask: team/T/C", "there is no channel team"),
        ("for: {effects: change}, from: {roles: lead}, ask: api/C", "the channel api cannot post"),
    ],
)
def test_a_rule_about_approvals_that_cannot_work_is_found(document, rule, problem):
    made = document(f"{APPROVALS}{rule}}}]")
    found = [str(item) for item in made.unmet(COMMANDS, ["api", "teams"], ["teams"])]
    try:
        made.settings()
    except StartupError as error:
        found += map(str, error.problems)
    assert any(problem in line and ":3:" in line for line in found), found


def test_a_rule_about_approvals_that_some_call_can_meet_is_good(document):
    rule = "for: {effects: [change, dangerous]}, from: {roles: lead}, ask: [ops, teams/T/C]"
    made = document(f"{APPROVALS}{rule}}}]")
    assert made.unmet(COMMANDS, ["api", "teams"], ["teams"]) == ()
