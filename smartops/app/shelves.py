"""The durable facts of plugins, in the store of whatever app is running."""

from __future__ import annotations

from collections.abc import Mapping

from smartops.services import Shelf
from smartops.store import Store

MAX_KEY = 255
MAX_VALUE = 64 * 1024


class Shelves:
    """Hands out shelves at start; ``store`` is set when the app runs."""

    store: Store

    def shelf(self, name: str) -> Shelf:
        """Return the shelf of a plugin."""
        return StoredShelf(self, name)


class StoredShelf(Shelf):
    """One plugin's facts."""

    def __init__(self, shelves: Shelves, name: str) -> None:
        self._shelves = shelves
        self._name = name

    async def get(self, key: str) -> str | None:
        """Return the value, or None."""
        return (await self.items(key)).get(key)

    async def put(self, key: str, value: str) -> None:
        """Keep a value; raises ValueError if it is too large."""
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            raise ValueError(f"{self._name} wants to keep too large a fact under {key[:40]!r}")
        await self._shelves.store.put_fact(self._name, key, value)

    async def delete(self, key: str) -> None:
        """Forget a value."""
        await self._shelves.store.drop_fact(self._name, key)

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        """Return everything whose key begins with ``prefix``."""
        return await self._shelves.store.facts(self._name, prefix)
