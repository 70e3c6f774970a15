"""Machines that can be listed, started and stopped, by the rules of EC2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anyio import lowlevel

from smartops import Compute, Instance, Page, Query, State, Transition, ValidationFailed, Verb

from .index import Found
from .journal import Entry
from .machine import Machine
from .part import CHUNK, Part

_FROM: Mapping[Verb, Mapping[State, bool]] = {
    "start": {"stopped": True, "pending": False, "running": False},
    "stop": {"running": True, "stopping": False, "stopped": False},
    "reboot": {"running": True},
}
"""The states a verb is allowed in, and whether it changes anything there."""

_DONE = {"start": "started", "stop": "stopped", "reboot": "rebooted"}
_MAX_TAGS = 50


class FakeCompute(Part, Compute):
    """The machines of a world."""

    async def list(self, query: Query) -> Page:
        """Return the instances that match; raises ValidationFailed for a foreign cursor."""
        await self._world.faults.before("list", query.ids)
        self._world.settle()
        index = self._world.index
        found = index.select(query)
        machines, _ = index.page(found, query.cursor, query.limit)
        if len(machines) > CHUNK:
            await _look_at(machines)
            self._world.settle()
            found = index.select(query)
        page = self._page(found, query)
        await self._world.faults.after("list", query.ids)
        return page

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what ``act`` would raise for want of a right or because of a state."""
        ids = [instance.id for instance in instances]
        await self._world.faults.before("check", ids)
        self._world.settle()
        self._world.faults.deny(verb, ids)
        self._allowed(verb, ids)
        await self._world.faults.after("check", ids)

    async def act(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot all of the instances, or raise and touch none."""
        ids = [instance.id for instance in instances]
        await self._world.faults.before(verb, ids)
        before: dict[str, State] = {}

        def decide(now: float) -> Entry:
            machines = self._allowed(verb, ids)
            before.update((machine.id, machine.state) for machine in machines)
            changed = [item.id for item in machines if _FROM[verb][item.state]]
            return {"what": verb, "at": now, "ids": [*before], "changed": changed}

        await self._world.change(decide)
        done = tuple(
            Transition(id_, state, self._world.machine(id_).state) for id_, state in before.items()
        )
        await self._world.faults.after(verb, ids)
        return done

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Raise what ``tag`` would raise for want of a right or because of the tags."""
        ids = (instance.id,)
        await self._world.faults.before("check", ids)
        self._world.settle()
        self._world.faults.deny("tag", ids)
        _taggable(self._world.machine(instance.id), put, remove)
        await self._world.faults.after("check", ids)

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Set and remove tags; raises ValidationFailed if the cloud would not take them."""
        id_ = instance.id
        await self._world.faults.before("tag", (id_,))

        def decide(now: float) -> Entry:
            _taggable(self._world.machine(id_), put, remove)
            return {"what": "tag", "at": now, "id": id_, "put": dict(put), "remove": [*remove]}

        await self._world.change(decide)
        await self._world.faults.after("tag", (id_,))

    def _page(self, found: Found, query: Query) -> Page:
        machines, following = self._world.index.page(found, query.cursor, query.limit)
        return Page(
            instances=tuple([machine.view() for machine in machines]),
            counts=self._world.index.count(found),
            next=following,
        )

    def _allowed(self, verb: Verb, ids: Sequence[str]) -> Sequence[Machine]:
        if not ids:
            raise ValidationFailed(
                f"There is nothing to {verb}", details="MissingParameter: name an instance"
            )
        machines = [self._world.machine(id_) for id_ in dict.fromkeys(ids)]
        for machine in machines:
            _permits(machine, verb)
        return machines


async def _look_at(machines: Sequence[Machine]) -> None:
    """Have every machine ready to be shown, without keeping others waiting for long."""
    for start in range(0, len(machines), CHUNK):
        for machine in machines[start : start + CHUNK]:
            machine.view()
        await lowlevel.checkpoint()


def _permits(machine: Machine, verb: Verb) -> None:
    name = machine.name or machine.id
    if machine.state not in _FROM[verb]:
        raise ValidationFailed(
            f"{name} is {machine.state} and cannot be {_DONE[verb]}",
            details=f"IncorrectInstanceState: {machine.id}",
        )
    if verb == "stop" and machine.protected:
        raise ValidationFailed(
            f"{name} is protected against being stopped",
            details=f"OperationNotPermitted: take the stop protection off {machine.id} first",
        )


def _taggable(machine: Machine, put: Mapping[str, str], remove: Sequence[str]) -> None:
    for key, value in put.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:") or len(value) > 256:
            raise ValidationFailed(
                f"{key!r} cannot be a tag",
                details="InvalidParameterValue: a key has 1 to 128 characters and does not begin "
                "with aws:, a value has at most 256",
            )
    both = sorted(put.keys() & set(remove))
    if both:
        raise ValidationFailed(f"A tag cannot be both set and removed: {', '.join(both)}")
    if len((machine.tags.keys() - set(remove)) | put.keys()) > _MAX_TAGS:
        raise ValidationFailed(
            f"An instance has at most {_MAX_TAGS} tags", details="TagLimitExceeded"
        )
