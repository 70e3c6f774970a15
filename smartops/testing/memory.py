"""A key-value store in memory."""

from __future__ import annotations

from collections.abc import Mapping

from smartops.app.key_values import check_size
from smartops.services import KeyValueStore


class MemoryKeyValueStore(KeyValueStore):
    """A plugin's key-value store for unit tests; ``values`` is what it holds."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})

    async def get(self, key: str) -> str | None:
        """Return the value, or None."""
        return self.values.get(key)

    async def put(self, key: str, value: str) -> None:
        """Store a value; raises ValueError if it is too large."""
        check_size(key, value)
        self.values[key] = value

    async def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        self.values.pop(key, None)

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        """Return everything whose key begins with ``prefix``."""
        return {key: self.values[key] for key in sorted(self.values) if key.startswith(prefix)}

    async def swap(self, key: str, old: str | None, new: str | None) -> bool:
        """Store ``new``, or delete the value if None, if the value is ``old``."""
        if self.values.get(key) != old:
            return False
        await (self.delete(key) if new is None else self.put(key, new))
        return True
