"""The commands ``tags``, ``tag`` and ``untag``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from smartops import (
    Change,
    Command,
    Compute,
    Effect,
    Instance,
    PermissionDenied,
    Plan,
    Reply,
    Severity,
    Table,
    Text,
    ValidationFailed,
    command,
)

from .config import InstancesConfig
from .pairs import assignments, checked_keys
from .rows import placed

_ABSENT = "(not set)"


@dataclass(frozen=True, slots=True)
class Protection:
    """The tags that may not be changed, because the policy depends on them.

    ``ruled`` maps the tag keys in rules to the name of such a rule; it is filled later.
    """

    config: InstancesConfig
    ruled: Mapping[str, str]

    def check(self, keys: Iterable[str]) -> None:
        """Raise PermissionDenied if one of the keys is protected, whatever its case."""
        for key in keys:
            if why := self._reason(key.strip().lower()):
                raise PermissionDenied(f"Tag {key} may not be changed from here", details=why)

    def _reason(self, key: str) -> str:
        if glob := _first(self.config.protected_tags, key):
            return f"It is protected by {glob} (plugins.instances.protected_tags)"
        if _first(self.config.unprotected_tags, key):
            return ""
        rule = next((rule for ruled, rule in self.ruled.items() if ruled.lower() == key), "")
        return f'The rule "{rule}" uses it (plugins.instances.unprotected_tags)' if rule else ""


def _first(globs: Iterable[str], key: str) -> str:
    return next((glob for glob in globs if fnmatchcase(key, glob.lower())), "")


def tagging(config: InstancesConfig, ruled: Mapping[str, str]) -> tuple[Command, Command, Command]:
    """Return the commands ``tags``, ``tag`` and ``untag``."""
    protection = Protection(config, ruled)
    tag, untag = _tag(protection), _untag(protection)

    @tag.undo
    async def undo_tag(
        target: Instance, tags: list[str], remove: list[str] | None = None
    ) -> Inverse:
        return _inverse(tag, untag, target, {**assignments(tags), **dict.fromkeys(remove or ())})

    @untag.undo
    async def undo_untag(target: Instance, keys: list[str]) -> Inverse:
        return _inverse(tag, untag, target, dict.fromkeys(keys))

    return _tags(), tag, untag


Inverse = tuple[Command, Mapping[str, Any]] | None


def _inverse(
    tag: Command, untag: Command, target: Instance, wanted: Mapping[str, str | None]
) -> Inverse:
    """Return the call that restores the tags that get other values, or none."""
    changed = [key for key, value in wanted.items() if target.tags.get(key) != value]
    put = [f"{key}={target.tags[key]}" for key in changed if key in target.tags]
    new = [key for key in changed if key not in target.tags]
    if put:
        return tag, {"target": target, "tags": put, "remove": new or None}
    return (untag, {"target": target, "keys": new}) if new else None


def _tags() -> Command:
    @command("tags {target}", examples=("tags web-server-01",))
    async def tags(target: Instance) -> Reply:
        """List the tags of one instance."""
        title = Text(f"Tags of {target.label} ({target.id})", style="title")
        view = _listed(target.tags) if target.tags else Text("It has no tags.")
        return Reply.of(title, view, data=_data(target, target.tags))

    return tags


def _tag(protection: Protection) -> Command:
    @command(
        "tag {target} {tags}",
        effect=Effect.CHANGE,
        examples=(
            "tag web-server-01 Environment=staging",
            'tag web-server-01 "Owner=Platform team",Tier=2',
        ),
    )
    async def tag(
        compute: Compute, target: Instance, tags: list[str], remove: list[str] | None = None
    ) -> Reply:
        """Set tags of one instance, written KEY=VALUE.

        --remove takes the keys of tags to remove.
        """
        put = assignments(tags)
        changed, present = _differing(target, put), _present(target, remove, put)
        if changed or present:
            await compute.tag(target, put=changed, remove=present)
        left = {key: value for key, value in target.tags.items() if key not in present}
        return _reply(target, {**left, **put}, len(changed) + len(present))

    @tag.plan
    async def plan_tag(
        compute: Compute, target: Instance, tags: list[str], remove: list[str] | None = None
    ) -> Plan:
        put = assignments(tags)
        label, present = placed(target, compute), _present(target, remove, put)
        after: dict[str, str | None] = {**put, **dict.fromkeys(present)}
        changes = tuple(
            Change(target.id, label, _shown(key, target.tags.get(key)), _shown(key, value))
            for key, value in sorted(after.items())
        )
        changed = _differing(target, put)
        if not changed and not present:
            return Plan(f"Nothing to do: {target.label} has these tags already", changes)
        await compute.check_tag(target, put=changed, remove=present)
        return Plan(f"Set {_count(len(after))} of {target.label}", changes)

    @tag.guard
    async def check_tags(tags: list[str], remove: list[str] | None = None) -> None:
        protection.check((*assignments(tags), *checked_keys(remove or ())))

    return tag


def _untag(protection: Protection) -> Command:
    @command(
        "untag {target} {keys}",
        effect=Effect.CHANGE,
        examples=("untag web-server-01 Owner", "untag web-server-01 Owner,Tier"),
    )
    async def untag(compute: Compute, target: Instance, keys: list[str]) -> Reply:
        """Remove tags of one instance, named by their keys."""
        present = [key for key in checked_keys(keys) if key in target.tags]
        if present:
            await compute.tag(target, put={}, remove=present)
        left = {key: value for key, value in target.tags.items() if key not in present}
        return _reply(target, left, len(present))

    @untag.plan
    async def plan_untag(compute: Compute, target: Instance, keys: list[str]) -> Plan:
        wanted = checked_keys(keys)
        present = [key for key in wanted if key in target.tags]
        label = placed(target, compute)
        changes = tuple(
            Change(
                target.id, placed(target, compute), _shown(key, target.tags[key]), _shown(key, None)
            )
            for key in present
        )
        warnings = tuple(
            f"{target.label} has no tag {key}." for key in wanted if key not in target.tags
        )
        if not present:
            absent = tuple(
                Change(target.id, label, _shown(key, None), _shown(key, None)) for key in wanted
            )
            return Plan(f"Nothing to do: {target.label} has none of these tags", absent)
        await compute.check_tag(target, put={}, remove=present)
        return Plan(f"Remove {_count(len(present))} of {target.label}", changes, "", warnings)

    @untag.guard
    async def check_keys(keys: list[str]) -> None:
        protection.check(checked_keys(keys))

    return untag


def _present(target: Instance, remove: Iterable[str] | None, put: Mapping[str, str]) -> list[str]:
    """Return the keys to remove that the instance has; raises ValidationFailed if one is set."""
    keys = checked_keys(remove or ())
    if both := [key for key in keys if key in put]:
        raise ValidationFailed(f"Tag {both[0]} cannot be both set and removed")
    return [key for key in keys if key in target.tags]


def _differing(target: Instance, put: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in put.items() if target.tags.get(key) != value}


def _shown(key: str, value: str | None) -> str:
    return f"{key} {_ABSENT}" if value is None else f"{key}={value}"


def _count(number: int) -> str:
    return "1 tag" if number == 1 else f"{number} tags"


def _reply(target: Instance, tags: Mapping[str, str], changed: int) -> Reply:
    text = f"{_count(changed)} of {target.label} changed." if changed else "Nothing was to be done."
    blocks: list[Text | Table] = [Text(text, severity=Severity.GOOD)]
    if tags:
        blocks.append(_listed(tags))
    return Reply.of(*blocks, data={**_data(target, tags), "changed": changed})


def _listed(tags: Mapping[str, str]) -> Table:
    return Table(("Tag", "Value"), tuple(sorted(tags.items())))


def _data(target: Instance, tags: Mapping[str, str]) -> dict[str, object]:
    return {"instanceId": target.id, "name": target.name, "tags": dict(tags)}
