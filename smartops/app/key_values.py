"""The key-value stores of plugins, in the store of the running app."""

from __future__ import annotations

from collections.abc import Mapping

from smartops.services import KeyValueStore
from smartops.store import Store

MAX_KEY = 255
MAX_VALUE = 64 * 1024


class KeyValueStores:
    """Returns key-value stores at start; ``store`` is set when the app runs."""

    store: Store

    def key_value_store(self, name: str) -> KeyValueStore:
        """Return the key-value store of a plugin."""
        return PluginStore(self, name)


class PluginStore(KeyValueStore):
    """The key-value store of one plugin."""

    def __init__(self, stores: KeyValueStores, name: str) -> None:
        self._stores = stores
        self._name = name

    async def get(self, key: str) -> str | None:
        """Return the value, or None."""
        return (await self.items(key)).get(key)

    async def put(self, key: str, value: str) -> None:
        """Store a value; raises ValueError if it is too large."""
        check_size(key, value)
        await self._stores.store.put_fact(self._name, key, value)

    async def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        await self._stores.store.drop_fact(self._name, key)

    async def items(self, prefix: str = "") -> Mapping[str, str]:
        """Return everything whose key begins with ``prefix``."""
        return await self._stores.store.facts(self._name, prefix)

    async def swap(self, key: str, old: str | None, new: str | None) -> bool:
        """Store ``new`` if the value is ``old``; raises ValueError if it is too large."""
        check_size(key, new or "")
        return await self._stores.store.swap_fact(self._name, key, old, new)


def check_size(key: str, value: str) -> None:
    """Raise ValueError if a value is too large to be stored."""
    if len(key) > MAX_KEY or len(value) > MAX_VALUE:
        raise ValueError(f"too large a value to be stored under {key[:40]!r}")
