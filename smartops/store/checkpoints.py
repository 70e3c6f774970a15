"""Checkpoints: signed notes of the last event in each chain of audit events.

A note names the hash of the note before it, so the last one stands for all. Events that are
removed at the end of their retention are named in a note too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, func, insert, select

from smartops.errors import ValidationFailed

from .chain import Chain, Head
from .tables import audit_checkpoints, audit_events

ORIGIN = "smartops-audit-checkpoint/1"
NONE = "-"
"""What stands for the note before the first one."""
_HEAD = re.compile(
    rf"{ORIGIN}\nnumber (\d{{1,18}})\nat ([-0-9T:+]{{25}})\nprevious (-|[0-9a-f]{{64}})"
)
_LINE = re.compile(r"(head|removed) (1-[0-9a-f]{16}) (\d{1,18}) ([0-9a-f]{64})")
_IN_JSON = re.compile(rf'"({ORIGIN}\\n(?:[^"\\]|\\.)*)"')
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+=*)")


class Signer(Protocol):
    """A private key that signs checkpoints; ``id`` names its public key.

    ``secrets`` are for the MACs of rows, the newest first.
    """

    id: str
    secrets: Sequence[bytes]

    def sign(self, content: bytes) -> bytes:
        """Return the signature of the content."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A note. ``heads`` and ``removed`` are by chain; ``signature`` is empty without a key."""

    number: int
    at: str
    previous: str
    heads: Mapping[str, Head] = field(default_factory=dict)
    removed: Mapping[str, Head] = field(default_factory=dict)
    content: str = ""
    signature: bytes = b""


def read_note(note: str) -> Checkpoint:
    """Return what a note says; raises ValidationFailed if it is none."""
    content, _, end = note.partition("\n\n")
    signed = _SIGNATURE.fullmatch(end.strip())
    lines = content.split("\n")
    head = _HEAD.fullmatch("\n".join(lines[:4]))
    found = [_LINE.fullmatch(line) for line in lines[4:]]
    if head is None or not all(found):
        raise ValidationFailed("This is no checkpoint of the audit log")
    by_kind: dict[str, dict[str, Head]] = {"head": {}, "removed": {}}
    for item in found:
        assert item is not None
        by_kind[item[1]][item[2]] = Head(int(item[3]), bytes.fromhex(item[4]))
    signature = base64.b64decode(signed[2]) if signed else b""
    kinds = by_kind["head"], by_kind["removed"]
    return Checkpoint(int(head[1]), head[2], head[3], *kinds, content, signature)


def split_notes(text: str) -> list[str]:
    """Return the notes in a file of checkpoints, or in what a sink got, which is JSON."""
    text += "".join(json.loads(f'"{found}"') for found in _IN_JSON.findall(text))
    return [f"{ORIGIN}\n{rest}" for rest in text.split(f"{ORIGIN}\n")[1:]]


def digest_of(note: str) -> str:
    """Return what the next note names: the hash of what the note says, without its signature."""
    return hashlib.sha256(note.partition("\n\n")[0].encode()).hexdigest()


def add_checkpoint(
    connection: Connection,
    chain: Chain,
    signer: Signer | None,
    now: float,
    removed: Mapping[str, Head],
) -> str:
    """Add a checkpoint, and return its note; empty if there is nothing new to say.

    The end of this process's ``chain`` is known here; those of others are read.
    """
    columns = audit_checkpoints.c
    last = connection.execute(select(audit_checkpoints).order_by(columns.number.desc()).limit(1))
    before = last.mappings().first()
    seen = before["last_event"] if before else 0
    heads, newest = _heads_after(connection, seen)
    if chain.id in heads:
        heads[chain.id] = chain.head
    if not heads and not removed:
        return ""
    number = before["number"] + 1 if before else 1
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    previous = digest_of(before["note"]) if before else NONE
    lines = [ORIGIN, f"number {number}", f"at {at}", f"previous {previous}"]
    lines += [f"head {name} {head.seq} {head.hash.hex()}" for name, head in sorted(heads.items())]
    lines += [
        f"removed {name} {head.seq} {head.hash.hex()}" for name, head in sorted(removed.items())
    ]
    content = "\n".join(lines)
    note = f"{content}\n\n"
    if signer is not None:
        signature = base64.b64encode(signer.sign(content.encode())).decode()
        note += f"— {signer.id} {signature}\n"
    row = {"number": number, "last_event": newest, "note": note}
    connection.execute(insert(audit_checkpoints), row)
    return note


def _heads_after(connection: Connection, event: int) -> tuple[dict[str, Head], int]:
    """Return the last events of the chains that have some after that one, and the newest id."""
    columns = audit_events.c
    last = connection.execute(select(func.max(columns.id))).scalar() or 0
    event = event if last >= event else 0  # SQLite begins again when the table was empty
    newest = select(func.max(columns.id)).where(columns.id > event, columns.chain != "")
    wanted = select(columns.id, columns.chain, columns.seq, columns.hash).where(
        columns.id.in_(newest.group_by(columns.chain))
    )
    rows = connection.execute(wanted).all()
    return {row.chain: Head(row.seq, row.hash) for row in rows}, last
