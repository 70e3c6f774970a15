"""Answers that take longer than a caller's response may wait.

The caller is told ``pending`` and asks again by sending the same message with
the same id; whoever does is answered from here. Only answers are kept here, and
only for a while: what a change did stands in the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from smartops.message import Message
from smartops.middleware.deduplicate import act_key, digest_of
from smartops.reply import Reply, Text
from smartops.services import Clock

KEPT_SECONDS = 600.0
KEPT = 1000

Replies = list[Reply]


class Late:
    """The late answers of callers that wait ``wait`` seconds, by the act they belong to."""

    def __init__(self, clock: Clock, wait: float) -> None:
        self._clock = clock
        self._wait = wait
        self._futures: OrderedDict[str, tuple[float, asyncio.Future[Replies]]] = OrderedDict()

    def expect(self, messages: Sequence[Message]) -> asyncio.Future[Replies]:
        """Return where the answers are to be put once they are known."""
        future = asyncio.get_running_loop().create_future()
        key = _key(messages)
        if key:
            self._forget_old()
            self._futures[key] = (self._clock.time(), future)
        return future

    async def ask(self, messages: Sequence[Message], patience: float = 0.0) -> Replies | None:
        """Return the late answers, or that they are still pending; None if none are late.

        ``patience`` is that of a platform which is sent the answer anyway.
        """
        found = self._futures.get(_key(messages)) if self._futures else None
        if found is None:
            return None
        future = found[1]
        await asyncio.wait([future], timeout=patience or self._wait)
        if future.done() and not future.cancelled():
            replies = zip(future.result(), messages, strict=True)
            return [replace(reply, request_id=message.request_id) for reply, message in replies]
        return under_way(messages) if patience else pending(messages)

    def _forget_old(self) -> None:
        horizon = self._clock.time() - KEPT_SECONDS
        while self._futures:
            key, (since, _) = next(iter(self._futures.items()))
            if since > horizon and len(self._futures) < KEPT:
                return
            del self._futures[key]


def pending(messages: Sequence[Message]) -> Replies:
    """Return the answers that there are no answers yet."""
    how = (
        "Send the same message with the same id again to get the answer."
        if _key(messages)
        else "A message with an id could be sent again to get the answer."
    )
    view = (Text("This takes longer; it is still being worked on."), Text(how, style="note"))
    return [
        Reply(status="pending", view=view, request_id=message.request_id) for message in messages
    ]


def under_way(messages: Sequence[Message]) -> Replies:
    """Return the answers that their answers follow by themselves."""
    view = (Text("Working on it", style="note"),)
    return [
        Reply(status="pending", view=view, request_id=message.request_id) for message in messages
    ]


def _key(messages: Sequence[Message]) -> str:
    """Return what names the act and what was said; empty if nothing does."""
    first = messages[0] if messages else None
    if first is None or not first.id:
        return ""
    return act_key(first) + digest_of(first)
