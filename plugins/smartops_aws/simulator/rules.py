"""What IAM does not allow."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from .incidents import Refusal
from .machines import Instance
from .world import World


class Rules:
    """The denials of the scenario, and those made since."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self._refusals = list(refusals)

    def add(self, refusal: Refusal) -> None:
        """Deny something from now on."""
        self._refusals.append(refusal)

    def clear(self) -> None:
        """Deny nothing any more."""
        self._refusals.clear()

    def refusal(
        self, world: World, action: str, arn: str, instance: Instance | None
    ) -> Refusal | None:
        """Return what denies an action on a resource, or None."""
        return next(
            (each for each in self._refusals if _denies(each, world, action, arn, instance)), None
        )


def _denies(
    refusal: Refusal, world: World, action: str, arn: str, instance: Instance | None
) -> bool:
    return (
        fnmatchcase(action, refusal.action)
        and fnmatchcase(arn, refusal.resource)
        and fnmatchcase(world.account, refusal.account)
        and fnmatchcase(world.region, refusal.region)
        and not (refusal.unless_tags and (instance is None or _carries(instance, refusal)))
    )


def _carries(instance: Instance, refusal: Refusal) -> bool:
    return refusal.unless_tags.items() <= instance.tags.items()
