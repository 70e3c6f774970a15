"""Duplicates: a message with a known id gets the first one's answer, at any replica."""

from __future__ import annotations

import hashlib
import json

from smartops.errors import ValidationFailed
from smartops.message import Message
from smartops.store import Operation, StoreUnavailable

from .operations import LOOK, decided, ended, outcome_of
from .steps import Answer, Parts

GLANCE = 0.5
"""After how many seconds a message that another process claimed is looked at again."""


class IdReused(ValidationFailed):
    """Another message with the same id came before."""

    status = 409


def idempotency_key(message: Message) -> str:
    """Return the key under which a message is claimed; it reveals nothing of the message."""
    parts = (message.channel, str(message.sender), message.conversation, message.id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def digest_of(message: Message) -> str:
    """Return a digest of the content, to compare messages with the same id."""
    content = json.dumps([message.text, message.action, sorted(message.form.items())])
    return hashlib.sha256(content.encode()).hexdigest()


async def first_answer(parts: Parts, message: Message, key: str) -> Answer | Operation | None:
    """Return the answer to the message that came first, or the operation that it began.

    Waits for them in any process. None if the message is claimed here now: the
    answer was not stored, or the process that claimed it stopped before it
    began anything. Raises IdReused if that message had other content.
    """
    digest = digest_of(message)
    while True:
        known = await parts.store.known(key)
        if known is not None and known.digest not in ("", digest):
            raise IdReused(
                "The id of this message was used for another one",
                details="Nothing was done. Send it with an id of its own.",
            )
        if known is not None and known.answer:
            return Answer.load(known.answer)
        operation = await parts.store.operation_of(key)
        if operation is not None:
            return operation
        claimed = False
        if known is None:
            claimed = await parts.store.claim(key, digest)
        elif known.lease_until <= parts.clock.time():
            claimed = await parts.store.retake(key)
        if claimed:
            return None
        if not await parts.running.wait(key):
            await parts.clock.sleep(GLANCE)


async def stored_answer(parts: Parts, key: str) -> Answer | Operation | None:
    """Return what a process that stopped answered, or the operation that it began.

    While the store is away it is tried again: no other process will answer the message.
    """
    while True:
        try:
            stored = await parts.store.answer(key)
            return Answer.load(stored) if stored else await parts.store.operation_of(key)
        except StoreUnavailable:
            await parts.clock.sleep(LOOK)


async def outcome(parts: Parts, operation: Operation) -> Answer:
    """Wait for an operation that was begun for the same message, and return its outcome."""
    operation = await ended(parts, operation)
    return decided(outcome_of(operation), operation)
