"""The cloud that all capabilities share, and the file that stores its state."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from anyio import CancelScope, Lock, lowlevel, to_thread
from pydantic import BaseModel

from smartops import BackendUnavailable, Clock, Instance, InstanceNotFound
from smartops.backends import Backend, State, Usage

from .config import FakeConfig
from .faults import Faults
from .machines import Machine, make

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")


class Change(BaseModel, frozen=True):
    """An accepted change; the last four fields are those of a run."""

    what: str
    at: float
    ids: tuple[str, ...] = ()
    run: str = ""
    key: str = ""
    script: str = ""
    limit: float = 0.0


class SavedInstance(BaseModel, frozen=True):
    """The part of an instance that changes alter."""

    tags: Mapping[str, str]
    history: tuple[tuple[float, State], ...]
    boots: tuple[tuple[float, float], ...] = ()


class Saved(BaseModel, frozen=True):
    """The content of the state file: the first start, changed instances, the newest changes."""

    started: float
    instances: Mapping[str, SavedInstance] = {}
    changes: tuple[Change, ...] = ()

    def after(self, change: Change, changed: Sequence[Machine]) -> Saved:
        """Return the state after a change."""
        new = {
            item.id: SavedInstance.model_validate(item, from_attributes=True) for item in changed
        }
        changes = (*self.changes[-999:], change)
        return self.model_copy(update={"instances": {**self.instances, **new}, "changes": changes})


Decision = tuple[Change, Sequence[Machine]]
"""An accepted change, and the instances as they are after it."""


class Cloud:
    """One cloud. Raises ValueError if the configuration or the state file is wrong."""

    def __init__(self, config: FakeConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.faults = Faults(config.faults, clock, self.find)
        self._file = StateFile(config.state_file) if config.state_file else None
        self._changing = Lock()
        self._initial: list[Machine] = []
        self._views: dict[tuple[str, State], Instance] = {}
        self._measured: dict[str, Usage | None] = {}
        self._minute = 0.0
        self.saved = Saved(started=clock.time())
        self._set(self.saved)
        self._reload()

    def now(self) -> float:
        """Return the present moment, after reading what other processes have changed."""
        self._reload()
        return self.clock.time()

    def find(self, id_: str) -> Machine | None:
        """Return an instance, or None."""
        return self._machines.get(id_)

    def machine(self, id_: str) -> Machine:
        """Return an instance; raises InstanceNotFound."""
        machine = self.find(id_)
        if machine is None:
            raise InstanceNotFound(f"There is no instance {id_}")
        return machine

    def view(self, machine: Machine, now: float) -> Instance:
        """Return the instance as commands see it; it is made once for each state."""
        key = machine.id, machine.state_at(now)
        if key not in self._views:
            self._views[key] = machine.view(now, self.config.name)
        return self._views[key]

    def usage(self, machine: Machine, minute: float) -> Usage | None:
        """Return what was measured in a past minute, which later changes do not alter."""
        if minute != self._minute:
            self._minute, self._measured = minute, {}
        if machine.id not in self._measured:
            self._measured[machine.id] = machine.usage(minute)
        return self._measured[machine.id]

    async def change(self, decide: Callable[[float], Decision | None]) -> None:
        """Apply what ``decide`` returns for the present moment, once it is on disk.

        ``decide`` refuses by raising; None means that there is nothing to do. A
        caller that is cancelled meanwhile does not stop an accepted change.
        """
        if self._file is None:
            self._change(decide)
            return
        async with self._changing:
            with CancelScope(shield=True):
                try:
                    await to_thread.run_sync(self._change, decide)
                except OSError as error:
                    raise BackendUnavailable("The fake cloud cannot write its state") from error

    def _change(self, decide: Callable[[float], Decision | None]) -> None:
        with self._file.locked() if self._file else nullcontext():
            decision = decide(self.now())
            if decision is None:
                return
            saved = self.saved.after(*decision)
            if self._file is None:
                self._set(saved)
            else:
                self._file.write(saved)
                self._reload()

    def _reload(self) -> None:
        """Take over what the state file holds, if it has been written since the last look."""
        saved = self._file.read() if self._file else None
        if saved is not None:
            self._set(saved)

    def _set(self, saved: Saved) -> None:
        if not self._initial or saved.started != self.saved.started:
            self._initial = make(self.config, saved.started)
        machines = {machine.id: machine for machine in self._initial}
        for id_ in machines.keys() & saved.instances:
            machines[id_] = replace(machines[id_], **dict(saved.instances[id_]))
        self.saved = saved
        self._views, self._measured = {}, {}
        self._machines = machines
        self.order = sorted(machines.values(), key=lambda machine: machine.key)


class FakeBackend(Backend):
    """The base class of the capabilities of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.name = cloud.config.name
        self._cloud = cloud

    async def ping(self) -> None:
        """Return, unless a fault is configured."""
        async with self._cloud.faults.around("ping"):
            pass


async def in_turns(items: Iterable[T], size: int = 250) -> AsyncIterator[T]:
    """Yield the items, and let other tasks run after each ``size`` of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % size == 0:
            await lowlevel.checkpoint()


class StateFile:
    """A JSON file that is replaced as a whole; processes that share it write one after another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def read(self) -> Saved | None:
        """Return the content if it is new; raises ValueError if it is no saved state."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        seen = (stat.st_ino, stat.st_mtime_ns)
        if seen == self._seen:
            return None
        try:
            saved = Saved.model_validate_json(self._path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{self._path} is not a state file of the fake cloud") from error
        self._seen = seen
        return saved

    def write(self, saved: Saved) -> None:
        """Replace the content; it is on disk when this returns."""
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w") as file:
            file.write(saved.model_dump_json(exclude_defaults=True))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing, by a lock file beside the state file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_name(f"{self._path.name}.lock").open("w") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
