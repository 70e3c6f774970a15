"""The outcome of ``start``, ``stop`` and ``reboot`` for each target, and the reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from smartops import BackendUnavailable, Instance, Reply, Severity, Table, Text
from smartops.backends import Verb

from .following import Ending, goal_of


class Changed:
    """The targets of one call after the backend has accepted it.

    ``asked`` are the ids of those that were changed; ``states`` are their states
    before and after that, as the backend reported them.
    """

    def __init__(
        self,
        verb: Verb,
        targets: Sequence[Instance],
        asked: Sequence[str],
        states: Mapping[str, Sequence[Any]],
    ) -> None:
        unique = {item.id: item for item in targets}
        self.verb = verb
        self.asked = [unique[id_] for id_ in asked]
        self.already = [item for item in unique.values() if item.id not in asked]
        self._before = {id_: before for id_, (before, _) in states.items()}
        latest = {id_: replace(unique[id_], state=after) for id_, (_, after) in states.items()}
        self.ending = Ending(verb, {item.id: item for item in self.asked} | latest)
        for id_, (_, after) in states.items():
            if after == goal_of(verb):
                self.ending.seconds[id_] = 0.0

    def check(self) -> None:
        """Raise BackendUnavailable if an instance has ended in another state than it should."""
        fallen = [item for item in self.asked if self.ending.fell_back(item.id)]
        if not fallen:
            return
        lines = []
        for item in fallen:
            seen = self.ending.latest[item.id]
            why = f": {seen.state_reason}" if seen.state_reason else ""
            after = f"{self.ending.seconds[item.id]:.0f} s"
            lines.append(f"{item.label} ({item.id}) is {seen.state} after {after}{why}")
        others = len(self.asked) - len(fallen)
        if others:
            lines.append(f"The {self.verb} of the {others} others was accepted")
        error = BackendUnavailable(f"{named(fallen)} did not {self.verb}", details="; ".join(lines))
        error.undone = not others
        raise error

    def reply(self) -> Reply:
        """Return what became of every target."""
        rows = [
            (item, self._before.get(item.id, item.state), self.ending.latest[item.id].state)
            for item in self.asked
        ]
        rows += [(item, item.state, item.state) for item in self.already]
        data = {
            "action": self.verb,
            "instances": [
                {"instanceId": item.id, "name": item.name, "before": before, "after": after}
                for item, before, after in rows
            ],
            "summary": {
                "total": len(rows),
                "accepted": len(self.asked),
                "unchanged": len(self.already),
            },
        }
        return Reply.of(*self._view(rows), data=data)

    def _view(self, rows: Sequence[tuple[Instance, str, str]]) -> Sequence[Text | Table]:
        blocks: list[Text | Table] = []
        if self.asked:
            blocks += self._outcome()
        blocks += [
            Text(f"{item.label} was already {item.state}.", style="note") for item in self.already
        ]
        if self.asked and len(rows) > 1:
            cells = tuple(
                (item.label, item.id, before if before == after else f"{before} → {after}")
                for item, before, after in rows
            )
            blocks.append(Table(("Name", "ID", "Change"), cells, (("Name", "ID"),)))
        return blocks

    def _outcome(self) -> Sequence[Text]:
        """Return how the change ended, or that it is accepted and still under way."""
        first = self.asked[0]
        one = len(self.asked) == 1
        what = f"{first.label} ({first.id})" if one else f"{len(self.asked)} instances"
        ended = self.ending.seconds
        if len(ended) == len(self.asked):
            state, are = goal_of(self.verb), "is" if one else "are"
            text = f"{what} {are} {state} after {max(ended.values()):.0f} s."
            return (Text(text, severity=Severity.GOOD),)
        before, now = self._before.get(first.id, first.state), self.ending.latest[first.id].state
        change = f": {before} → {now}" if one and before != now else ""
        text = f"{_DOING[self.verb]} {what}{change}. The request is accepted."
        blocks = [Text(text, severity=Severity.GOOD)]
        if self.ending.looked:
            left = [item.label for item in self.asked if item.id not in ended]
            note = f" ({self.ending.note})" if self.ending.note else ""
            text = f"Still under way when this was written: {', '.join(left)}{note}."
            blocks.append(Text(text, severity=Severity.WARNING))
        return blocks


_DOING: Mapping[Verb, str] = {"start": "Starting", "stop": "Stopping", "reboot": "Rebooting"}


def named(instances: Sequence[Instance]) -> str:
    """Return the name of a single instance, or the number of instances."""
    return instances[0].label if len(instances) == 1 else f"{len(instances)} instances"
