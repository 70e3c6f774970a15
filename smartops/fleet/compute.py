"""Instances of several backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from smartops.backend import (
    Compute,
    Condition,
    Failure,
    Instance,
    Page,
    PartialMap,
    Query,
    Transition,
    Verb,
)
from smartops.errors import (
    BackendUnavailable,
    InstanceNotFound,
    RateLimited,
    Refusal,
    ValidationFailed,
)

from .failures import names, refusal, reworded, undone
from .group import Group
from .listing import listed


class ComputeGroup(Group[Compute], Compute):
    """Instances of several backends, listed together, each changed by its own backend."""

    async def list(self, query: Query) -> Page:
        """Return the instances that match in every backend that answers.

        Raises the refusal of all when none answers, and ValidationFailed when
        ``query.backends`` fit none.
        """
        asked = {name: item for name, item in self._backends.items() if query.asks(name)}
        if not asked:
            raise ValidationFailed(
                f"No backend is called {' or '.join(query.backends)}",
                details=f"There are: {', '.join(self.members)}",
            )
        return await listed(asked, query, self._clock)

    async def conditions(self, instances: Sequence[Instance]) -> Mapping[str, Condition]:
        """Return what every backend that answers reports of its own instances."""
        homes = self._by_member(instances)
        answers = await self._ask(
            {
                name: partial(self._backends[name].conditions, own)
                for name, own in homes.items()
                if name in self._backends
            }
        )
        found = {id_: value for part in answers.found.values() for id_, value in part.items()}
        return PartialMap(found, answers.missing) if answers.missing else found

    async def check(self, verb: Verb, instances: Sequence[Instance]) -> None:
        """Raise what any of the backends raises for its own instances."""
        homes = self._homes(verb, instances)
        answers = await self._ask(
            {name: partial(self._backends[name].check, verb, own) for name, own in homes.items()}
        )
        if answers.failures:
            raise refusal(answers.failures)

    async def change(self, verb: Verb, instances: Sequence[Instance]) -> tuple[Transition, ...]:
        """Start, stop or reboot in every backend at once.

        If a backend fails, the others' changes stay: the error lists what was
        done, what was not, and what is unknown.
        """
        homes = self._homes(verb, instances)
        answers = await self._ask(
            {name: partial(self._backends[name].change, verb, own) for name, own in homes.items()},
            changes=True,
        )
        done = {item.id: item for part in answers.found.values() for item in part}
        if answers.failures:
            raise _partly(verb, homes, answers.failures, done)
        order = dict.fromkeys(instance.id for instance in instances)
        return tuple(done[id_] for id_ in order if id_ in done)

    async def check_tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Raise what the instance's own backend raises."""
        (name,) = self._homes("tag", [instance])
        await self._backends[name].check_tag(instance, put=put, remove=remove)

    async def tag(
        self, instance: Instance, *, put: Mapping[str, str], remove: Sequence[str] = ()
    ) -> None:
        """Set and remove tags of one instance, by its own backend."""
        (name,) = self._homes("tag", [instance])
        await self._backends[name].tag(instance, put=put, remove=remove)

    def _homes(self, verb: str, instances: Sequence[Instance]) -> Mapping[str, Sequence[Instance]]:
        """Return the instances by backend; raises if none or an unknown one is given."""
        if not instances:
            raise ValidationFailed(f"There is nothing to {verb}", details="Name an instance")
        homes = self._by_member(instances)
        for name, own in homes.items():
            if name not in self._backends:
                raise InstanceNotFound(
                    f"There is no backend {name!r}, where {names(own)} came from",
                    details=f"There are: {', '.join(self.members)}",
                )
        return homes


def _partly(
    verb: Verb,
    homes: Mapping[str, Sequence[Instance]],
    failures: Sequence[Failure],
    done: Mapping[str, Transition],
) -> Refusal:
    """Return the error that lists what was done, what was not, and what is unknown."""
    if len(homes) == 1:
        return refusal(failures)
    total = sum(len(own) for own in homes.values())
    accepted = [item for own in homes.values() for item in own if item.id in done]
    lines = [f"Accepted for {names(accepted)}."] if accepted else []
    for failure in failures:
        outcome = (
            "Not done"
            if undone(failure)
            else "Perhaps done, check the target's state before you retry"
        )
        details = f" ({failure.error.details})" if failure.error.details else ""
        lines.append(f"{outcome}: {names(homes[failure.backend])}; {failure}{details}.")
    message = (
        f"The {verb} was accepted for {len(accepted)} of {total} instances only"
        if accepted
        else f"No {verb} was accepted"
    )
    error = reworded(failures, message, " ".join(lines))
    if accepted and isinstance(error, RateLimited):  # a retry would repeat the part that was done
        return BackendUnavailable(error.message, details=error.details)
    return error
