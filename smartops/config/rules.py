"""Find rules that can never apply to the loaded commands and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from smartops.command import Command, Effect
from smartops.nearness import hint
from smartops.parameter import Parameter
from smartops.values import format_duration, parse_duration

from .checks import RESERVED
from .policy import RuleSettings
from .tree import Finding, Node, Path, Scalar, Tree, child, find, keys, listed, texts


def unmet(tree: Tree, commands: Sequence[Command], channels: Iterable[str]) -> Iterator[Finding]:
    """Yield names in rules that do not exist, and conditions that no command can meet."""
    known = (*channels, *RESERVED)
    changing = [item for item in commands if item.effect is not Effect.READ]
    for pattern, possible in (
        (("rules", "*", "allow"), commands),
        (("rules", "*", "deny"), commands),
        (("approvals", "*", "for"), changing),
    ):
        for path, node in find(tree.root, *pattern):
            conditions = _Conditions(tree, path, node)
            yield from _channels(conditions, known)
            yield from _tags(conditions)
            yield from _commands(conditions, possible)
            wanted = [value.text for _, value in conditions.values("effects")]
            if pattern[0] == "approvals" and wanted == [Effect.READ]:
                yield conditions.finding(("effects",), "a read needs no approval")


def unknown_places(tree: Tree, known: Sequence[str], posting: Sequence[str]) -> Iterator[Finding]:
    """Find places for posts in channels that are unknown or cannot post, and unknown names."""
    root = tree.root
    named = keys(child(root, "places"))
    posted = [
        *listed(root, "approvals", "*", "ask"),
        *listed(root, "approvals", "*", "escalate", "ask"),
        *listed(root, "emergency", "tell"),
        *listed(root, "routes", "*", "to"),
        *texts(root, "schedules", "*", "to"),
    ]
    for path, node in posted:
        if "/" not in node.text and node.text not in named:
            remedy = hint(node.text, named, "the places are") or "name it under places:"
            yield Finding(node.mark, path, f"there is no place {node.shown}", remedy)
    for path, node in (*texts(root, "places", "*"), *posted):
        channel, slash, _ = node.text.partition("/")
        if slash and channel not in known:
            remedy = hint(channel, known, "the channels are")
            yield Finding(node.mark, path, f"there is no channel {channel}", remedy)
        elif slash and channel not in posting:
            remedy = hint(channel, posting, "those that can are")
            yield Finding(node.mark, path, f"the channel {channel} cannot post", remedy)
        elif not slash and path[0] == "places":
            remedy = "write channel/tenant/team/room, as whoami shows it"
            yield Finding(node.mark, path, f"{node.shown} is no place", remedy)


def uncovered(
    rules: Sequence[RuleSettings], commands: Sequence[Command]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the rules that deny by tags, with commands that they seem to cover but do not.

    These commands use backends and can be called without a target, so no tag is compared.
    """
    for rule in rules:
        deny = rule.deny
        if deny is None or not deny.tags:
            continue
        names = [
            command.name
            for command in commands
            if command.capabilities
            and not any(item.is_target and item.required for item in command.parameters)
            and deny.arguments.keys() <= {item.name for item in command.parameters}
            and (not deny.commands or any(_matches(command.name, it) for it in deny.commands))
            and (not deny.effects or not set(deny.effects).isdisjoint(_possible(command)))
        ]
        if names:
            yield rule.name, names


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The conditions of a rule, and the path to them."""

    tree: Tree
    path: Path
    node: Node

    def values(self, *pattern: str) -> Iterator[tuple[Path, Scalar]]:
        """Yield the values of a condition, with their paths within the rule."""
        return listed(self.node, *pattern)

    def names(self, key: str) -> tuple[str, ...]:
        """Return the keys of a condition that is a mapping."""
        return keys(child(self.node, key))

    def finding(self, path: Path, text: str, remedy: str = "", at: Scalar | None = None) -> Finding:
        """Return a problem with the value at ``path`` within the rule."""
        mark = at.mark if at else self.tree.place((*self.path, *path))
        return Finding(mark, (*self.path, *path), text, remedy)


def _channels(rule: _Conditions, known: Sequence[str]) -> Iterator[Finding]:
    """Find unknown channels, also where they begin a place."""
    named = [(path, node, node.text) for path, node in rule.values("channels")]
    for path, node in rule.values("places"):
        name = node.text.partition("/")[0]
        if not set("*?") & set(name):
            named.append((path, node, name))
    for path, node, name in named:
        if name not in known:
            text = f"there is no channel {node.written if node.hidden else name}"
            yield rule.finding(path, text, hint(name, known, "the channels are"), node)
    channels = [node.text for _, node in rule.values("channels")]
    places = [node.text.partition("/")[0] for _, node in rule.values("places")]
    possible = [name for name in places if set("*?") & set(name) or name in channels]
    if channels and places and not possible:
        yield rule.finding(("places",), f"no place is in the channel {' or '.join(channels)}")


def _tags(rule: _Conditions) -> Iterator[Finding]:
    """Find keys and values that no tag has."""
    for key in rule.names("tags"):
        if set("*?") & set(key):
            remedy = "write a whole key; only values take * and ?"
            yield rule.finding(("tags", key), f"no tag has the key {key}", remedy)
        elif (plain := key.strip().removeprefix("tag:").partition("=")[0]) != key:
            remedy = f"write {plain}: VALUE"
            yield rule.finding(("tags", key), f"no tag has the key {key!r}", remedy)
        elif not key:
            yield rule.finding(("tags", key), "no tag has an empty key")
        for path, node in rule.values("tags", key):
            if node.text != node.text.strip():
                yield rule.finding(path, "has blanks around it", "leave them out", node)


def _commands(rule: _Conditions, commands: Sequence[Command]) -> Iterator[Finding]:
    """Find unknown commands, and conditions that no command of the rule can meet."""
    matching: list[Command] = []
    named = list(rule.values("commands"))
    for path, node in named:
        found = [command for command in commands if _matches(command.name, node.text)]
        matching += found
        if not found:
            remedy = hint(node.text, [item.name for item in commands], "the commands are")
            text = f"there is no command {node.shown}"
            yield rule.finding(path, text, remedy or "name its plugin under plugins:", node)
    who = "no command of this rule" if matching else "no command"
    yield from _arguments(rule, matching or commands, who)
    if matching:
        yield from _effects(rule, matching, who)


def _arguments(rule: _Conditions, commands: Sequence[Command], who: str) -> Iterator[Finding]:
    """Find arguments that no command has, or has together with the others or with targets."""
    wanted = rule.names("arguments")
    has = [{item.name for item in command.parameters} for command in commands]
    known = sorted(set[str]().union(*has))
    missing = [name for name in wanted if name not in known]
    for name in missing:
        remedy = hint(name, known, "the arguments are")
        yield rule.finding(("arguments", name), f"{who} has the argument {name}", remedy)
    if missing:
        return
    yield from _impossible_values(rule, commands)
    fitting = [
        command for command, names in zip(commands, has, strict=True) if names.issuperset(wanted)
    ]
    if not fitting:
        text = f"{who} has the arguments {' and '.join(wanted)} together"
        yield rule.finding(("arguments",), text, "all of them must be given; use a rule for each")
    elif rule.names("tags") and not any(map(_takes_targets, fitting)):
        yield rule.finding(("tags",), f"{who} has targets, and tags are those of targets")


def _impossible_values(rule: _Conditions, commands: Sequence[Command]) -> Iterator[Finding]:
    """Find values that an argument never has."""
    for name in rule.names("arguments"):
        options = [item for one in commands for item in one.parameters if item.name == name]
        for path, node in rule.values("arguments", name):
            possible = [_written(item, node.text) for item in options]
            if node.text in possible or set("*?") & set(node.text):
                continue
            words = [word for item in options for word in _words(item)]
            remedy = next((f"write {text}" for text in possible if text), "")
            remedy = remedy or hint(node.text, words, "the values are")
            yield rule.finding(path, f"{name} is never {node.shown}", remedy, node)


def _words(parameter: Parameter) -> tuple[str, ...]:
    """Return all values of a parameter, if it has a fixed set of them."""
    return ("true", "false") if parameter.type is bool else parameter.choices


def _written(parameter: Parameter, text: str) -> str:
    """Return the canonical text of a value in a rule, such as 1m for 60s.

    It is empty if the value is impossible.
    """
    if words := _words(parameter):
        return text if text in words else ""
    try:
        return _SPELLINGS.get(parameter.type, str)(text)
    except ValueError:
        return ""


_SPELLINGS: Mapping[type, Callable[[str], str]] = {
    timedelta: lambda text: format_duration(parse_duration(text)),
    int: lambda text: str(int(text)),
    float: lambda text: str(float(text)),
}


def _effects(rule: _Conditions, commands: Sequence[Command], who: str) -> Iterator[Finding]:
    """Find effects that no command of the rule can have."""
    wanted = [node.text for _, node in rule.values("effects")]
    possible = {effect for command in commands for effect in _possible(command)}
    if wanted and possible.isdisjoint(wanted):
        there = " or ".join(effect for effect in Effect if effect in possible)
        text = f"{who} has the effect {' or '.join(wanted)}"
        yield rule.finding(("effects",), text, f"theirs is {there}")


def _possible(command: Command) -> tuple[Effect, ...]:
    """Return the effects that calls of a command can have: none worse than the declared one."""
    order = tuple(Effect)
    worst = order.index(command.effect)
    return order[0 if "classify" in command.companions else worst : worst + 1]


def _takes_targets(command: Command) -> bool:
    return any(parameter.is_target for parameter in command.parameters)


def _matches(name: str, pattern: str) -> bool:
    """Whether a name matches; ``*`` and ``?`` are wildcards, brackets are not."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))
