"""A Runner in memory, with a clock that only ``sleep`` advances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

import smartops_exec
from machines import ALICE, NOON, call
from smartops import Call, Clock, Command, Effect, Instance, Person, Plan, Refusal, Reply, Runner
from smartops.backends import RunResult
from smartops.testing import FakeWork, offline_services


class HandClock(Clock):
    """A clock that only ``sleep`` advances, without waiting."""

    def __init__(self) -> None:
        self.at = NOON.timestamp()
        self.slept: list[float] = []

    def time(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await anyio.lowlevel.checkpoint()


@dataclass(frozen=True)
class Ending:
    """The outcome of a script on an instance, and after how many seconds it ends."""

    after: float
    status: str = "success"
    exit_code: int | None = 0
    output: str = ""
    errors: str = ""
    truncated: bool = False


class Machines(Runner):
    """A Runner with the outcomes in ``endings``, by instance id; others never end."""

    name = "machines"

    def __init__(self, clock: HandClock, endings: Mapping[str, Ending]) -> None:
        self.clock = clock
        self.endings = endings
        self.sent: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.faults: list[Refusal | None] = []
        self.cancel_fault: Refusal | None = None
        self.obeys = True
        self.places = (self.name,)

    @property
    def members(self) -> tuple[str, ...]:
        return self.places

    async def ping(self) -> None: ...

    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        ids, at = [item.id for item in instances], self.clock.time()
        self.sent.append({"script": script, "ids": ids, "limit": limit, "key": key, "at": at})
        return f"run-{len(self.sent)}"

    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        sent = self.sent[int(run_id.removeprefix("run-")) - 1]
        elapsed = self.clock.time() - sent["at"]
        return tuple(self._result(each, elapsed) for each in reversed(sent["ids"]))

    def _result(self, id: str, elapsed: float) -> RunResult:
        end = self.endings.get(id)
        if end is None or elapsed < end.after:
            if self.cancelled and self.obeys:
                return RunResult(id, "cancelled", seconds=elapsed)
            return RunResult(id, "running", output="so far" if end else "")
        return RunResult(
            id, end.status, end.exit_code, end.output, end.errors, end.after, end.truncated
        )

    async def cancel(self, run_id: str) -> None:
        if self.cancel_fault:
            raise self.cancel_fault
        self.cancelled.append(run_id)


@dataclass
class Plugin:
    """The plugin with its runner."""

    clock: HandClock
    runner: Machines
    commands: Mapping[str, Command]
    person: Person

    @property
    def execute(self) -> Command:
        return self.commands["execute"]

    def as_role(self, *roles: str) -> Plugin:
        return replace(self, person=replace(self.person, roles=frozenset(roles)))

    def call(self) -> Call:
        return call("execute", {}, self.person)

    async def run(self, script: str, *targets: Instance, timeout: timedelta | None = None) -> Reply:
        reply = await self.execute(
            self.call(), self.runner, FakeWork(), script, list(targets), timeout=timeout
        )
        assert isinstance(reply, Reply)
        return reply

    async def effect(self, script: str, *targets: Instance) -> Effect:
        found = await self.execute.companions["classify"](self.call(), script, list(targets))
        assert isinstance(found, Effect)
        return found

    async def plan(self, script: str, *targets: Instance, timeout: timedelta | None = None) -> Plan:
        found = await self.execute.companions["plan"](
            self.call(), self.runner, script, list(targets), timeout
        )
        assert isinstance(found, Plan)
        return found


@pytest.fixture
def ending() -> type[Ending]:
    return Ending


@pytest.fixture
def load() -> Callable[..., Plugin]:
    """Return a factory that takes outcomes by instance id, and the plugin's settings."""

    def build(endings: Mapping[str, Ending] | None = None, **settings: Any) -> Plugin:
        clock = HandClock()
        model = smartops_exec.config_type()
        commands = smartops_exec.register_commands(model(**settings), offline_services(clock))
        by_name = {item.name: item for item in commands}
        return Plugin(clock, Machines(clock, endings or {}), by_name, ALICE)

    return build
