"""Machines: EC2 instances that are listed, started, stopped, rebooted and tagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartops import (
    BackendUnavailable,
    Compute,
    Instance,
    InstanceNotFound,
    PermissionDenied,
    Refusal,
    ValidationFailed,
)
from smartops.backends import Condition, Page, Query, Transition, Verb

from .actions import CREATE_TAGS, DELETE_TAGS, PROTECTION, REBOOT, START, STOP
from .conditions import conditions_of
from .config import AwsConfig
from .kit import Action, Region
from .kit.concurrency import together
from .listing import Listing
from .part import Part

MOST = 1000
"""How many instances one request may name."""

_ACTIONS: Mapping[Verb, Action] = {"start": START, "stop": STOP, "reboot": REBOOT}


class AwsCompute(Part, Compute):
    """The instances of one region of one account."""

    def __init__(self, region: Region, config: AwsConfig) -> None:
        super().__init__(region, config)
        self._listing = Listing(region)

    async def list(self, query: Query) -> Page:
        """Return the instances that match; raises ValidationFailed for a foreign cursor."""
        return await self._listing.page(query)

    async def conditions(self, instances: Sequence[Instance]) -> Mapping[str, Condition]:
        """Return failed status checks and scheduled events by instance id."""
        return await conditions_of(self.region, [item.id for item in instances])

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what ``change`` would raise: a missing permission or instance, or protection."""
        ids = self._changeable(verb, instances)
        await self._present(ids)
        await self.region.permitted(_ACTIONS[verb], InstanceIds=ids)
        if verb == "stop":
            await self._unprotected(instances)

    async def change(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot the instances in one request, which AWS does to all or none."""
        ids = self._changeable(verb, instances)
        try:
            answer = await self.region.call(_ACTIONS[verb], len(ids), InstanceIds=ids)
        finally:
            self._listing.changed()
        if verb == "reboot":  # its answer is empty, and only running instances reboot
            return tuple(Transition(id_, "running", "running") for id_ in ids)
        states = {item["InstanceId"]: item for item in answer[_ACTIONS[verb].answer]}
        return tuple(
            Transition(
                id_, states[id_]["PreviousState"]["Name"], states[id_]["CurrentState"]["Name"]
            )
            for id_ in ids
            if id_ in states
        )

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Raise what ``tag`` would raise: for a missing permission or instance, or for the tags."""
        self._taggable(put, remove)
        await self._present([instance.id])
        if put:
            await self.region.permitted(CREATE_TAGS, Resources=[instance.id], Tags=_pairs(put))
        if remove:
            await self.region.permitted(DELETE_TAGS, Resources=[instance.id], Tags=_keys(remove))

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Set tags, then remove tags; raises ValidationFailed for one that is both."""
        self._taggable(put, remove)
        try:
            if put:
                await self.region.call(CREATE_TAGS, Resources=[instance.id], Tags=_pairs(put))
            if remove:
                await self._remove(instance, remove, already=put)
        finally:
            self._listing.changed()

    def _taggable(self, put: Mapping[str, str], remove: Sequence[str]) -> None:
        if not self._config.tagging:
            raise _switched_off("tagging", "set tags")
        both = sorted(set(put) & set(remove))
        if both:
            raise ValidationFailed(f"The tag {both[0]} cannot be both set and removed")

    async def _remove(
        self, instance: Instance, keys: Sequence[str], *, already: Mapping[str, str]
    ) -> None:
        try:
            await self.region.call(DELETE_TAGS, Resources=[instance.id], Tags=_keys(keys))
        except Refusal as error:
            if already:
                done = f"{', '.join(already)} had been set by then"
                error.details = f"{error.details}. {done}" if error.details else done
                if isinstance(error, BackendUnavailable):
                    error.undone = False
            raise

    def _changeable(self, verb: Verb, instances: Sequence[Instance]) -> Sequence[str]:
        """Return the ids, each once; an empty list would mean every instance to AWS."""
        if not self._config.changes:
            raise _switched_off("changes", f"{verb} instances")
        ids = tuple(dict.fromkeys(instance.id for instance in instances))
        if not ids:
            raise ValidationFailed(f"There is nothing to {verb}", details="Name an instance")
        if len(ids) > MOST:
            raise ValidationFailed(
                f"{len(ids):,} instances are too many to {verb} at once",
                details=f"AWS takes at most {MOST:,}; name fewer",
            )
        return ids

    async def _present(self, ids: Sequence[str]) -> None:
        """Raise InstanceNotFound for what does not exist: a dry run need not report it."""
        found = {item.id: item for item in await self._listing.all(Query(ids=tuple(ids)))}
        for id_ in ids:
            if id_ not in found:
                raise InstanceNotFound(f"There is no instance {id_}", details=f"Not in {self.name}")
            if found[id_].state == "terminated":
                raise InstanceNotFound(f"{found[id_].label} is terminated", details=id_)

    async def _unprotected(self, instances: Sequence[Instance]) -> None:
        """Raise ValidationFailed if one is protected against being stopped, as far as is known."""

        async def look(instance: Instance) -> bool:
            try:
                answer = await self.region.call(
                    PROTECTION, InstanceId=instance.id, Attribute="disableApiStop"
                )
            except Refusal:
                return False  # stopping it will report the protection
            return bool(answer.get("DisableApiStop", {}).get("Value"))

        protected = await together(look, instances)
        for instance, refuses in zip(instances, protected, strict=True):
            if refuses:
                raise ValidationFailed(
                    f"{instance.label} is protected against being stopped",
                    details=f"OperationNotPermitted: take the stop protection off {instance.id} "
                    "first",
                )


def _pairs(tags: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _keys(keys: Sequence[str]) -> Sequence[Mapping[str, str]]:
    return [{"Key": key} for key in keys]


def _switched_off(key: str, what: str) -> PermissionDenied:
    return PermissionDenied(
        f"SmartOps is not set up to {what}", details=f"plugins.aws.{key} is false"
    )
