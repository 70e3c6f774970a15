"""A key-value store in memory, for tests of plugins that store values."""

from __future__ import annotations

from collections.abc import Mapping

from smartops import BackendUnavailable, KeyValueStore


class Board(KeyValueStore):
    """Facts in memory, within the limits of those in the store, which may be ``away``."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.away = False

    def _asked(self) -> None:
        if self.away:
            raise BackendUnavailable("the store is away")

    async def get(self, key: str) -> str | None:
        self._asked()
        return self.facts.get(key)

    async def put(self, key: str, value: str) -> None:
        self._asked()
        if len(key) > 255 or len(value) > 64 * 1024:
            raise ValueError("too large a value")
        self.facts[key] = value

    async def delete(self, key: str) -> None:
        self._asked()
        self.facts.pop(key, None)

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        self._asked()
        return {key: value for key, value in self.facts.items() if key.startswith(prefix)}
