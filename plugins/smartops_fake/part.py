"""What the capabilities of the fake share: its name and its world."""

from __future__ import annotations

from smartops import Backend

from .world import World

CHUNK = 250
"""How many machines are worked on before others get their turn; well below a millisecond each."""


class Part(Backend):
    """One capability of a world."""

    def __init__(self, world: World) -> None:
        self.name = world.name
        self._world = world

    async def ping(self) -> None:
        """Return if the cloud can be reached; only an injected fault keeps it from that."""
        await self._world.faults.before("ping")
        await self._world.faults.after("ping")
