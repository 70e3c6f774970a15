"""The commands ``start``, ``stop`` and ``reboot``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from smartops import (
    Change,
    Command,
    Compute,
    Effect,
    Instance,
    Plan,
    Reply,
    Severity,
    Table,
    Text,
    ValidationFailed,
    command,
)
from smartops.backends import Transition, Verb

from .config import InstancesConfig
from .rows import placed


@dataclass(frozen=True, slots=True)
class VerbRules:
    """The states in which a verb works, those in which it has no effect, and its texts."""

    works_from: frozenset[str]
    nothing_to_do: frozenset[str]
    after: str
    doing: str
    help: str


RULES: Mapping[Verb, VerbRules] = MappingProxyType(
    {
        "start": VerbRules(
            frozenset({"stopped"}),
            frozenset({"pending", "running"}),
            "running",
            "Starting",
            "Start stopped instances.",
        ),
        "stop": VerbRules(
            frozenset({"running"}),
            frozenset({"stopping", "stopped"}),
            "stopped",
            "Stopping",
            "Stop running instances; what they hold in memory is lost.",
        ),
        "reboot": VerbRules(
            frozenset({"running"}),
            frozenset(),
            "rebooted",
            "Rebooting",
            "Reboot running instances.",
        ),
    }
)
_OWNERS: Mapping[str, Mapping[Verb, str]] = MappingProxyType(
    {
        "aws:autoscaling:groupName": {
            "stop": "Auto Scaling group {}, which terminates and replaces stopped instances",
            "reboot": "Auto Scaling group {}, which may replace instances that do not answer",
        },
        "eks:cluster-name": {
            "stop": "EKS cluster {}: pods on stopped nodes end",
            "reboot": "EKS cluster {}: pods on rebooting nodes are interrupted",
        },
        "aws:ecs:clusterName": {
            "stop": "ECS cluster {}: tasks on stopped instances end",
            "reboot": "ECS cluster {}: tasks on rebooting instances are interrupted",
        },
    }
)
"""Tags of instances that are managed by a group, and a warning for each verb."""

_MANY = "\n\nSeveral are named with commas, or by a tag: tag:Environment=staging."


@dataclass(frozen=True, slots=True)
class Split:
    """The targets of one call: those that the verb changes, and those already in its state."""

    moving: tuple[Instance, ...]
    already: tuple[Instance, ...]


def power(config: InstancesConfig, verb: Literal["start", "stop", "reboot"]) -> Command:
    """Return the command of one verb."""
    rules = RULES[verb]

    async def execute(compute: Compute, targets: list[Instance]) -> Reply:
        split = _split(verb, targets, config.max_targets)
        transitions = await compute.act(verb, split.moving) if split.moving else ()
        return _reply(verb, split, transitions)

    execute.__doc__ = rules.help + _MANY
    phrases = (
        ("reboot {targets}", "restart {targets}") if verb == "reboot" else (f"{verb} {{targets}}",)
    )
    made = command(
        *phrases,
        effect=Effect.CHANGE,
        examples=(f"{verb} web-server-01", f"{verb} web-server-01,web-server-02"),
    )(execute)

    @made.plan
    async def plan(compute: Compute, targets: list[Instance]) -> Plan:
        split = _split(verb, targets, config.max_targets)
        if split.moving:
            await compute.check(verb, split.moving)
        return _plan(verb, compute, targets, split)

    return made


def _split(verb: Verb, targets: Sequence[Instance], most: int) -> Split:
    """Split the targets; raises ValidationFailed for too many, or one in a wrong state."""
    rules = RULES[verb]
    unique = {item.id: item for item in targets}.values()
    if len(unique) > most:
        raise ValidationFailed(
            f"{len(unique):,} instances are too many to {verb} at once",
            details=f"At most {most} (plugins.instances.max_targets); name fewer",
        )
    stuck = [item for item in unique if item.state not in rules.works_from | rules.nothing_to_do]
    if stuck:
        states = ", ".join(f"{item.label} is {item.state}" for item in stuck[:5])
        more = f" and {len(stuck) - 5} more" if len(stuck) > 5 else ""
        raise ValidationFailed(
            f"Cannot {verb} {_named(stuck)} now",
            details=f"{states}{more}; {verb} works on {' or '.join(rules.works_from)} instances",
        )
    return Split(
        tuple(item for item in unique if item.state in rules.works_from),
        tuple(item for item in unique if item.state in rules.nothing_to_do),
    )


def _plan(verb: Verb, compute: Compute, targets: Sequence[Instance], split: Split) -> Plan:
    """Return the plan. It does not change while a transition, such as a stop, completes."""
    rules = RULES[verb]
    already = frozenset(item.id for item in split.already)
    unique = {item.id: item for item in targets}.values()
    changes = tuple(
        Change(
            item.id,
            placed(item, compute),
            rules.after if item.id in already else item.state,
            rules.after,
        )
        for item in unique
    )
    there = " or ".join(sorted(rules.nothing_to_do))
    warnings = tuple(f"{item.label} is {there} already." for item in split.already)
    if not split.moving:
        return Plan(f"Nothing to {verb}", changes, warnings=warnings)
    warnings += tuple(_group_warnings(verb, split.moving))
    return Plan(f"{verb.capitalize()} {_named(split.moving)}", changes, warnings=warnings)


def _group_warnings(verb: Verb, instances: Sequence[Instance]) -> Iterator[str]:
    """Return one warning for each group that manages some of the instances, and for Spot."""
    spot = [item for item in instances if item.spot]
    if spot and verb == "stop":
        runs, starts = ("runs", "starts") if len(spot) == 1 else ("run", "start")
        yield (
            f"{_named(spot)} {runs} on spare capacity (Spot), and {starts} again only if there is "
            "some."
        )
    for tag, words in _OWNERS.items():
        members: dict[str, list[Instance]] = {}
        for item in instances:
            if verb in words and item.tags.get(tag):
                members.setdefault(item.tags[tag], []).append(item)
        for name, own in members.items():
            belong = "belongs" if len(own) == 1 else "belong"
            yield f"{_named(own)} {belong} to the {words[verb].format(name)}."


def _reply(verb: Verb, split: Split, transitions: Sequence[Transition]) -> Reply:
    moved = {item.id: item for item in transitions}
    rows = [
        (item, moved[item.id].before, moved[item.id].after)
        if item.id in moved
        else (item, item.state, item.state)
        for item in (*split.moving, *split.already)
    ]
    data = {
        "action": verb,
        "instances": [
            {"instanceId": item.id, "name": item.name, "before": before, "after": after}
            for item, before, after in rows
        ],
        "summary": {
            "total": len(rows),
            "accepted": len(split.moving),
            "unchanged": len(split.already),
        },
    }
    return Reply.of(*_view(verb, split, rows), data=data)


def _view(
    verb: Verb, split: Split, rows: Sequence[tuple[Instance, str, str]]
) -> tuple[Text | Table, ...]:
    blocks: list[Text | Table] = []
    if len(rows) == 1 and split.moving:
        item, before, after = rows[0]
        states = f": {before} → {after}" if before != after else ""
        return (_accepted(verb, f"{item.label} ({item.id}){states}"),)
    if split.moving:
        blocks.append(_accepted(verb, _named(split.moving)))
    blocks += [
        Text(f"{item.label} was already {item.state}.", style="note") for item in split.already
    ]
    if split.moving:
        cells = tuple(
            (item.label, item.id, before if before == after else f"{before} → {after}")
            for item, before, after in rows
        )
        blocks.append(Table(("Name", "ID", "Change"), cells, (("Name", "ID"),)))
    return tuple(blocks)


def _accepted(verb: Verb, what: str) -> Text:
    return Text(f"{RULES[verb].doing} {what}. The request is accepted.", severity=Severity.GOOD)


def _named(instances: Sequence[Instance]) -> str:
    """Return the name of a single instance, or the number of instances."""
    return instances[0].label if len(instances) == 1 else f"{len(instances)} instances"
