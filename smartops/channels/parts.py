"""Replies that are delivered in several parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cachetools import LRUCache

from smartops.errors import BackendUnavailable

from .splitting import compact_json


class Unfinished:
    """The parts of replies that were delivered before the platform became unavailable.

    SmartOps sends such a reply again. The retry continues after these parts, so no
    part is delivered twice.
    """

    def __init__(self, most: int = 1000) -> None:
        self._delivered: LRUCache[bytes, list[str]] = LRUCache(most)

    @contextmanager
    def resumed(self, *reply: Any) -> Iterator[list[str]]:
        """Yield the ids of the delivered parts; append to it after each part.

        ``reply`` identifies the reply: JSON values such as the id of the message, and
        the content.
        """
        delivered = self._delivered.pop(_key(reply), []) if self._delivered else []
        try:
            yield delivered
        except BackendUnavailable:
            if delivered:
                self._delivered[_key(reply)] = delivered
            raise


def _key(reply: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(compact_json(reply)).digest()
