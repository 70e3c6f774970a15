"""The world: one cloud that everything the plugin offers looks at.

A change is decided against the world as it stands, made durable in the journal,
and only then happens.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from anyio import CancelScope, Lock, to_thread

from smartops import BackendUnavailable, Clock, InstanceNotFound, ValidationFailed

from .config import FakeConfig
from .faults import Faults
from .fleet import found
from .index import Index
from .journal import Entry, Journal
from .life import Life
from .machine import Machine
from .runs import Runs
from .scripts import Scripts


class World:
    """One cloud. Raises ValueError if the configuration or the journal makes none."""

    def __init__(self, config: FakeConfig, clock: Clock) -> None:
        self._clock = clock
        self._journal = Journal(config.journal) if config.journal else None
        self._changing = Lock()
        self.founded = self._begin()
        self.name = config.name
        self.seed = config.seed
        self.costs = config.costs
        self.index = Index(found(config, self.founded))
        self.runs = Runs()
        self.scripts = Scripts(config.scripts)
        self.output_limit = config.output_limit
        self.faults = Faults(config.faults, config.seed, clock, self.index)
        self._life = Life(self.index, self.runs, config.transitions)
        self.settle()

    def settle(self) -> float:
        """Let everything happen that is due, and return the present moment."""
        if self._journal is not None and self._journal.grown():
            for entry in self._journal.read():
                self._life.apply(entry)
        now = self._clock.time()
        self._life.bring_about(now)
        return now

    def machine(self, id_: str) -> Machine:
        """Return a machine; raises ValidationFailed or InstanceNotFound."""
        machine = self.index.by_id.get(id_)
        if machine is not None:
            return machine
        if not id_.startswith("i-"):
            raise ValidationFailed(
                f"{id_} is no instance id", details="InvalidInstanceID.Malformed: ids begin with i-"
            )
        raise InstanceNotFound(f"There is no instance {id_}", details="InvalidInstanceID.NotFound")

    async def change(self, decide: Callable[[float], Entry | None]) -> None:
        """Let ``decide`` make an entry from the settled world, keep it, and let it happen.

        ``decide`` is given the present moment and refuses by raising; None says
        that there is nothing to do. Changes follow one another. What is
        accepted also happens, even if the caller is cancelled meanwhile.
        """
        if self._journal is None:
            entry = decide(self.settle())
            if entry is not None:
                self._life.apply(entry)
            return
        async with self._changing:
            with CancelScope(shield=True):
                await self._change_durably(self._journal, decide)

    async def _change_durably(
        self, journal: Journal, decide: Callable[[float], Entry | None]
    ) -> None:
        try:
            with closing(await to_thread.run_sync(journal.hold)) as writer:
                entry = decide(self.settle())
                if entry is not None:
                    await to_thread.run_sync(writer.append, entry, self.founded)
                    self.settle()
        except OSError as error:
            raise BackendUnavailable("The fake cloud cannot write its journal") from error

    def _begin(self) -> float:
        """Return when the cloud was founded: the journal tells, or it is now."""
        told = self._journal.founded() if self._journal else None
        return self._clock.time() if told is None else told
