"""The hash chain of audit events: what is hashed, and how the events of a process are linked.

The events of one process form a chain. The hash of an event covers its content and the hash of
the event before it, so that none can be changed, removed or inserted unnoticed. The content is
canonical JSON (RFC 8785) of texts and whole numbers; times are in microseconds.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from .tables import storable

START = bytes(32)
"""What stands for the hash before the first event of a chain."""
TEXTS = (
    "approval_id",
    "chain",
    "claimed",
    "command",
    "idempotency_key",
    "identity",
    "operation_id",
    "outcome",
    "person",
    "place",
    "plan_digest",
    "request_id",
    "rule",
    "text",
    "targets",
)
COLUMNS = ("kind", "at", "seconds", "seq", *TEXTS)
"""What the hash of an event covers."""

_PURPOSE = b"smartops-audit/1\0"
"""It begins what is hashed, so that the hash of something else cannot stand for it."""
_NO_TARGETS = b'"targets":""'
_SPECIAL = bytes(range(32)) + b'"\\'
"""What is escaped in a string of JSON."""


def canonical(row: Sequence[Any]) -> bytes:
    """Return the canonical JSON of an event, given its :data:`COLUMNS` in order.

    Escaping each text takes most of the time, and few texts need it: that is found out
    for all of them at once. Targets are JSON, and always need it.
    """
    content = _written(row)
    quotes = _QUOTES + (4 if row[0] else 0)
    if len(content.translate(None, _SPECIAL)) != len(content) - quotes:
        content = _written([quoted(it)[1:-1] if isinstance(it, str) else it for it in row])
    targets = row[-1]
    if targets:
        content = content.replace(_NO_TARGETS, b'"targets":' + quoted(targets).encode())
    return content


def _written(row: Sequence[Any]) -> bytes:
    kind, at, seconds, seq, approval, chain, claimed, command, key, identity = row[:10]
    operation, outcome, person, place, digest, request, rule, text, _ = row[10:]
    member = f'"kind":"{kind}",' if kind else ""  # events of earlier versions have none
    return (
        f'{{"approval_id":"{approval}","at":{int(at * 1e6)},"chain":"{chain}",'
        f'"claimed":"{claimed}","command":"{command}","idempotency_key":"{key}",'
        f'"identity":"{identity}",{member}"operation_id":"{operation}","outcome":"{outcome}",'
        f'"person":"{person}","place":"{place}","plan_digest":"{digest}",'
        f'"request_id":"{request}","rule":"{rule}","seconds":{int(seconds * 1e6)},'
        f'"seq":{seq},"targets":"","text":"{text}"}}'
    ).encode()


_QUOTES = _written(("", 0, 0, 0, *("" for _ in TEXTS))).count(b'"')


def link(previous: bytes, content: bytes) -> bytes:
    """Return the hash of an event with this content after the event with that hash."""
    return hashlib.sha256(_PURPOSE + previous + content).digest()


class Head(NamedTuple):
    """An event of a chain: its number and its hash."""

    seq: int
    hash: bytes


BEGIN = Head(0, START)


class Chain:
    """The chain of this process. Only the writer's thread uses it."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.id = f"1-{secrets.token_hex(8)}"
        self.head = self._committed = BEGIN

    def extend(self, row: dict[str, Any]) -> None:
        """Give the row of the next event its place in the chain."""
        for name in TEXTS:
            if name != "chain":
                row[name] = storable(row[name])
        row["chain"], row["seq"] = self.id, self.head.seq + 1
        row["hash"] = link(self.head.hash, canonical([row[name] for name in COLUMNS]))
        self.head = Head(row["seq"], row["hash"])

    def settle(self, *, committed: bool) -> None:
        """Note how a transaction ended.

        Events whose transaction failed may be in the database or not: a new chain begins.
        """
        if committed:
            self._committed = self.head
        elif self.head is not self._committed:
            self._begin()
