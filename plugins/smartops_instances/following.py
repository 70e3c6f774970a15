"""Follows a change of state to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from smartops import Clock, Compute, Instance, Refusal, Work
from smartops.backends import Query, State, Verb

_GOALS: Mapping[Verb, State] = {"start": "running", "stop": "stopped"}
_UNDER_WAY = ("pending", "stopping", "shutting-down")
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0
_VISIBLE = 10.0
"""Seconds after which an instance in its old state has fallen back: a list may be that old."""


@dataclass(slots=True)
class Ending:
    """How a change ended, by instance id. ``note`` is why that could not be looked up.

    ``latest`` are the instances as they were seen last, and ``seconds`` is when
    those that are not under way any more were seen in their final state.
    """

    verb: Verb
    latest: dict[str, Instance] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    note: str = ""
    looked: bool = False

    def fell_back(self, id: str) -> bool:
        """Whether the instance has ended in another state than it should."""
        return id in self.seconds and self.latest[id].state != goal_of(self.verb)


def goal_of(verb: Verb) -> State | None:
    """Return the state in which a verb ends; None if it changes no state."""
    return _GOALS.get(verb)


class Follower:
    """Looks at instances until a change of their state has ended, for at most ``limit``."""

    def __init__(self, clock: Clock, limit: timedelta) -> None:
        self._clock = clock
        self._limit = limit.total_seconds()

    async def follow(
        self, compute: Compute, ending: Ending, ids: Sequence[str], started: float, work: Work
    ) -> None:
        """Fill in how a change that began at ``started`` ends."""
        moving: set[str] = set()
        while left := [id_ for id_ in ids if id_ not in ending.seconds]:
            elapsed = self._clock.time() - started
            remaining = self._limit - elapsed
            if remaining <= 0:
                return
            done = len(ids) - len(left)
            total = len(ids) if len(ids) > 1 else 0
            await work.progress(f"Waiting for the {ending.verb}", done=done, total=total)
            pause = min(max(_FIRST_PAUSE, elapsed / 8), _LONGEST_PAUSE)
            await self._clock.sleep(min(pause, remaining))
            await self._look(compute, ending, left, moving, started)

    async def _look(
        self, compute: Compute, ending: Ending, ids: Sequence[str], moving: set[str], started: float
    ) -> None:
        ending.looked = True
        try:
            page = await compute.list(Query(ids=tuple(ids)))
        except Refusal as error:
            ending.note = error.message
            return
        ending.note = "; ".join(map(str, page.failures))
        seconds = self._clock.time() - started
        for item in page.instances:
            ending.latest[item.id] = item
            if item.state in _UNDER_WAY:
                moving.add(item.id)
            elif item.state == goal_of(ending.verb) or item.id in moving or seconds >= _VISIBLE:
                ending.seconds[item.id] = seconds
