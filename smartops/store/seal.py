"""MACs of rows: the database alone cannot make SmartOps do anything.

Each row that leads to an effect or an answer has a MAC over its content. The key is not in the
database, so a row that was inserted or changed there is recognised, and has no effect.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, Table

from .tables import (
    approval_messages,
    approvals,
    audit_sinks,
    decisions,
    inbox,
    key_values,
    messages,
    operations,
    questions,
    role_grants,
    storable,
)

_CHANGING = {"mac", "state", "finished", "owner", "holder", "lease_until", "cancel_requested"}
"""Columns that change by themselves, and whose change alone has no effect."""
_COVERED = {
    table.name: sorted({column.name for column in table.columns} - _CHANGING - besides)
    for table, besides in (
        (approvals, {"escalated"}),
        (decisions, set[str]()),
        (role_grants, set[str]()),
        (approval_messages, {"shown"}),
        (operations, set[str]()),
        (inbox, set[str]()),
        (audit_sinks, set[str]()),
        (messages, {"digest", "expires"}),
        (questions, set[str]()),
        (key_values, set[str]()),
    )
}


class Seal:
    """Makes and checks the MACs. Without ``keys`` there are none, and each row is valid.

    The first key makes new MACs; those of the other keys are valid too.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return bool(self._keys)

    def sealed(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row with its MAC."""
        if self._keys:
            row["mac"] = _mac(self._keys[0], table, row)
        return row

    def is_valid(self, table: Table, row: Mapping[str, Any] | RowMapping) -> bool:
        """Whether the MAC of a stored row is right."""
        if not self._keys:
            return True
        found = row["mac"].encode("utf-8", "replace")
        return any(hmac.compare_digest(_mac(key, table, row).encode(), found) for key in self._keys)


def _mac(key: bytes, table: Table, row: Mapping[str, Any] | RowMapping) -> str:
    content = [table.name, *(_plain(row[name]) for name in _COVERED[table.name])]
    return hmac.digest(key, json.dumps(content).encode(), "sha256").hex()


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int):  # RETURNING of SQLite gives a whole number of seconds as one
        return float(value)
    return value.decode("latin-1") if isinstance(value, bytes) else value
