"""The hash chain of audit events: what is hashed, and how the events of a process are linked.

The events of one process form a chain. The hash of an event covers its content and the hash of
the event before it, so that none can be changed, removed or inserted unnoticed. The content is
canonical JSON (RFC 8785) of texts and whole numbers; times are in microseconds.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from operator import attrgetter
from typing import Any, NamedTuple

from .rows import AuditEvent
from .tables import storable

START = bytes(32)
"""What stands for the hash before the first event of a chain."""
COLUMNS = (
    "approval_id",
    "at",
    "chain",
    "claimed",
    "command",
    "idempotency_key",
    "identity",
    "kind",
    "operation_id",
    "outcome",
    "person",
    "place",
    "plan_digest",
    "request_id",
    "rule",
    "seconds",
    "seq",
    "targets",
    "text",
)
"""What the hash of an event covers, in the order of canonical JSON."""
NUMBERS = ("at", "seconds", "seq")
KIND, TARGETS = COLUMNS.index("kind"), COLUMNS.index("targets")
Row = tuple[Any, ...]

_members = attrgetter(*(name for name in COLUMNS if name not in ("seq", "chain")))
_PURPOSE = b"smartops-audit/1\0"
"""It begins what is hashed, so that the hash of something else cannot stand for it."""
_FORM = ",".join(
    f'"{name}":%d' if name in NUMBERS else f'"{name}":%s' if name == "targets" else f'"{name}":"%s"'
    for name in COLUMNS
)
_FORMS = {True: f"{{{_FORM}}}"}
_FORMS[False] = _FORMS[True].replace('"kind":"%s",', "%.0s")  # of events of earlier versions
_QUOTES = {has_kind: form.count('"') for has_kind, form in _FORMS.items()}
_SPECIAL = bytes(range(32)) + b'"\\'
"""What is escaped in a string of JSON."""


def canonical(row: Row) -> bytes:
    """Return the canonical JSON of an event, given its :data:`COLUMNS`; times in microseconds.

    Escaping each text takes most of the time, and few texts need it: that is found out
    for all of them at once. Targets are JSON, and always need it.
    """
    has_kind, targets = row[KIND] != "", _escaped(row[TARGETS])
    content = (_FORMS[has_kind] % (*row[:TARGETS], targets[0], row[-1])).encode()
    if len(content) - len(content.translate(None, _SPECIAL)) != _QUOTES[has_kind] + targets[1]:
        texts = [quoted(it)[1:-1] if isinstance(it, str) else it for it in row]
        texts[TARGETS] = targets[0]
        content = (_FORMS[has_kind] % tuple(texts)).encode()
    return content


@lru_cache(4096)
def _escaped(text: str) -> tuple[str, int]:
    """Return a text as a string of JSON, and how many special characters that contains."""
    written = quoted(text)
    return written, len(written) - len(written.encode().translate(None, _SPECIAL).decode())


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

    def extend(self, event: AuditEvent) -> Row:
        """Return the row of the next event: its :data:`COLUMNS`, and its hash."""
        approval, at, *middle, seconds, targets, text = _members(event)
        joined = "".join((approval, *middle, targets, text))
        if not joined.isascii() or "\0" in joined:
            approval, *middle, targets, text = map(storable, (approval, *middle, targets, text))
        seq, end = self.head.seq + 1, (targets, text)
        content = canonical((approval, at * 1e6, self.id, *middle, seconds * 1e6, seq, *end))
        self.head = Head(seq, link(self.head.hash, content))
        return (approval, at, self.id, *middle, seconds, seq, *end, self.head.hash)

    def settle(self, *, committed: bool) -> None:
        """Note how a transaction ended.

        Events whose transaction failed may be in the database or not: a new chain begins.
        """
        if committed:
            self._committed = self.head
        elif self.head is not self._committed:
            self._begin()
