"""What happens to machines: entries are applied, and what takes time is brought about.

Applying the same entries to the same founders gives the same machines, which
is what lets a journal bring a world back.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from itertools import count

from smartops import State

from .config import TransitionsConfig
from .fleet import public_address
from .index import Index
from .journal import Entry
from .machine import AGENT_DELAY, Machine, ServiceEvent
from .noise import between
from .runs import Run, Runs
from .scripts import service_change

_UNDER_WAY: Mapping[State, State] = {
    "pending": "running",
    "stopping": "stopped",
    "shutting-down": "terminated",
}
_LEASE = 0x1EA5E
_EVENTS = 200


class Life:
    """The machines and runs of a world, and what is under way."""

    def __init__(self, index: Index, runs: Runs, transitions: TransitionsConfig) -> None:
        self._index = index
        self._runs = runs
        self._usual = {
            "start": transitions.start.total_seconds(),
            "stop": transitions.stop.total_seconds(),
            "reboot": transitions.reboot.total_seconds(),
        }
        self._due: list[tuple[float, int, Machine, State]] = []
        self._order = count()
        self._effects: Mapping[str, Callable[[Entry], None]] = {
            "start": self._start,
            "stop": self._stop,
            "reboot": self._reboot,
            "tag": self._tag,
            "send": self._send,
            "cancel": self._cancel,
        }
        for machine in index.order:
            self._carry_on(machine)

    def bring_about(self, now: float) -> None:
        """Let everything happen that is due by now."""
        while self._due and self._due[0][0] <= now:
            _, _, machine, state = heapq.heappop(self._due)
            keeps = machine.elastic or state == "running"
            self._index.move(machine, state, machine.public_ip if keeps else "")

    def apply(self, entry: Entry) -> None:
        """Let an accepted change happen at its time; entries of other kinds change nothing."""
        self.bring_about(entry["at"])
        effect = self._effects.get(entry["what"])
        if effect is not None:
            effect(entry)

    def _carry_on(self, machine: Machine) -> None:
        """Note how a founder ends that was founded between two states."""
        if machine.state not in _UNDER_WAY:
            return
        at, _ = machine.history[-1]
        verb = "start" if machine.state == "pending" else "stop"
        end = at + self._takes(machine, verb, at)
        if machine.state == "pending":
            machine.restart(at, end + AGENT_DELAY)
        self._will(machine, end, _UNDER_WAY[machine.state])

    def _start(self, entry: Entry) -> None:
        at = entry["at"]
        for machine in self._named(entry["changed"]):
            end = at + self._takes(machine, "start", at)
            address = machine.public_ip
            if machine.role.public and not machine.elastic:
                address = public_address(machine.salt ^ _LEASE, int(at))
            machine.restart(at, end + AGENT_DELAY)
            machine.note(at, "pending")
            self._index.move(machine, "pending", address)
            self._will(machine, end, "running")

    def _stop(self, entry: Entry) -> None:
        at = entry["at"]
        for machine in self._named(entry["changed"]):
            machine.note(at, "stopping")
            self._index.move(machine, "stopping", machine.public_ip)
            self._will(machine, at + self._takes(machine, "stop", at), "stopped")

    def _reboot(self, entry: Entry) -> None:
        at = entry["at"]
        for machine in self._named(entry["changed"]):
            machine.restart(at, at + self._takes(machine, "reboot", at))

    def _tag(self, entry: Entry) -> None:
        for machine in self._named([entry["id"]]):
            tags = {**machine.tags, **entry["put"]}
            for key in entry["remove"]:
                tags.pop(key, None)
            self._index.retag(machine, tags)

    def _send(self, entry: Entry) -> None:
        run = Run(
            id=entry["run"],
            key=entry["key"],
            script=entry["script"],
            ids=tuple(entry["ids"]),
            at=entry["at"],
            limit=entry["limit"],
        )
        self._runs.add(run)
        change = service_change(run.script)
        if change is None:
            return
        for machine in self._named(run.ids):
            if machine.answers_at(run.at) and machine.service_at(change.service, run.at):
                event = ServiceEvent(run.begins(machine), change.service, change.state)
                machine.service_events = (*machine.service_events[-_EVENTS:], event)

    def _cancel(self, entry: Entry) -> None:
        run = self._runs.get(entry["run"])
        if run is not None and run.cancelled is None:
            run.cancelled = entry["at"]

    def _named(self, ids: list[str] | tuple[str, ...]) -> list[Machine]:
        """Return the machines that still exist; a journal may outlive a change of configuration."""
        return [machine for id_ in ids if (machine := self._index.by_id.get(id_))]

    def _will(self, machine: Machine, at: float, state: State) -> None:
        machine.note(at, state)
        heapq.heappush(self._due, (at, next(self._order), machine, state))

    def _takes(self, machine: Machine, verb: str, at: float) -> float:
        """Return the seconds that a change takes, a fifth more or less than usual."""
        return self._usual[verb] * between(machine.salt, int(at * 1000), 0.8, 1.2)
