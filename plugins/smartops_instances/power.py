"""The commands ``start``, ``stop`` and ``reboot``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from smartops import (
    Change,
    Clock,
    Command,
    Compute,
    Effect,
    Instance,
    Plan,
    Reply,
    ValidationFailed,
    Work,
    command,
)
from smartops.backends import Verb

from .changed import Changed, named
from .config import InstancesConfig
from .following import Follower, goal_of
from .rows import placed


@dataclass(frozen=True, slots=True)
class VerbRules:
    """The states in which a verb works, those in which it has no effect, and its texts."""

    works_from: frozenset[str]
    nothing_to_do: frozenset[str]
    after: str
    help: str


RULES: Mapping[Verb, VerbRules] = {
    "start": VerbRules(
        frozenset({"stopped"}),
        frozenset({"pending", "running"}),
        "running",
        "Start stopped instances, and follow them until they run.",
    ),
    "stop": VerbRules(
        frozenset({"running"}),
        frozenset({"stopping", "stopped"}),
        "stopped",
        "Stop running instances, and follow them; what they hold in memory is lost.",
    ),
    "reboot": VerbRules(
        frozenset({"running"}),
        frozenset(),
        "rebooted",
        "Reboot running instances.",
    ),
}
_OWNERS: Mapping[str, Mapping[Verb, str]] = {
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
"""Tags of instances that are managed by a group, and a warning for each verb."""

_MANY = "\n\nSeveral are named with commas, or by a tag: tag:Environment=staging."


@dataclass(frozen=True, slots=True)
class Split:
    """The targets of one call: those that the verb changes, and those already in its state."""

    moving: tuple[Instance, ...]
    already: tuple[Instance, ...]


def powers(config: InstancesConfig, clock: Clock) -> tuple[Command, ...]:
    """Return the commands ``start``, ``stop`` and ``reboot``; the first two undo each other."""
    start, stop = _power(config, clock, "start"), _power(config, clock, "stop")
    _undo(start, by=stop)
    _undo(stop, by=start)
    return start, stop, _power(config, clock, "reboot")


def _undo(command: Command, *, by: Command) -> None:
    @command.undo
    async def undo(targets: list[Instance], plan: Plan) -> tuple[Command, Mapping[str, Any]] | None:
        changed = {item.target for item in plan.changes if item.before != item.after}
        moved = [item for item in targets if item.id in changed]
        return (by, {"targets": moved}) if moved else None


def _power(
    config: InstancesConfig, clock: Clock, verb: Literal["start", "stop", "reboot"]
) -> Command:
    """Return the command of one verb."""
    rules = RULES[verb]
    follow = config.follow if goal_of(verb) else timedelta(0)
    follower = Follower(clock, follow)

    async def execute(compute: Compute, targets: list[Instance], work: Work) -> Reply:
        async def accept() -> dict[str, Any]:
            moving = _split(verb, targets, config.max_targets).moving
            done = await compute.change(verb, moving) if moving else ()
            states = {item.id: (item.before, item.after) for item in done}
            return {"asked": [item.id for item in moving], "states": states, "at": clock.time()}

        accepted = await work.once("accept", accept)
        changed = Changed(verb, targets, accepted["asked"], accepted["states"])
        await follower.follow(compute, changed.ending, accepted["asked"], accepted["at"], work)
        changed.check()
        return changed.reply()

    execute.__doc__ = rules.help + _MANY
    phrases = (
        ("reboot {targets}", "restart {targets}") if verb == "reboot" else (f"{verb} {{targets}}",)
    )
    made = command(
        *phrases,
        effect=Effect.CHANGE,
        examples=(f"{verb} web-server-01", f"{verb} web-server-01,web-server-02"),
        deadline=timedelta(seconds=60) + follow,
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
            f"Cannot {verb} {named(stuck)} now",
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
    return Plan(f"{verb.capitalize()} {named(split.moving)}", changes, warnings=warnings)


def _group_warnings(verb: Verb, instances: Sequence[Instance]) -> Iterator[str]:
    """Return one warning for each group that manages some of the instances, and for Spot."""
    spot = [item for item in instances if item.spot]
    if spot and verb == "stop":
        runs, starts = ("runs", "starts") if len(spot) == 1 else ("run", "start")
        yield (
            f"{named(spot)} {runs} on spare capacity (Spot), and {starts} again only if there is "
            "some."
        )
    for tag, words in _OWNERS.items():
        members: dict[str, list[Instance]] = {}
        for item in instances:
            if verb in words and item.tags.get(tag):
                members.setdefault(item.tags[tag], []).append(item)
        for name, own in members.items():
            belong = "belongs" if len(own) == 1 else "belong"
            yield f"{named(own)} {belong} to the {words[verb].format(name)}."
