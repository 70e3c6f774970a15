"""Sending a command once, also if the answer is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from smartops import DeadlineExceeded, RateLimited, Refusal

from .actions import COMMANDS, SEND
from .kit import Fault, Region
from .kit.person import session_name
from .kit.refusals import certainly_undone

_TRIES = 2
_LOOKS = 3
_PAUSE = 2.0
_AGO = 300.0
_PAGE = 50


class Sender:
    """Sends the commands of one region of one account.

    SendCommand has no idempotency token, so it is retried only if it certainly
    was not accepted. If that is unknown, the command is searched by its comment,
    which no other command has.
    """

    def __init__(self, region: Region) -> None:
        self.region = region

    async def send(self, request: Mapping[str, Any], key: str) -> str:
        """Send a command and return its id; raises DeadlineExceeded if it is unknown whether."""
        comment = _comment(key or uuid4().hex)
        began = self.region.clock.time()
        for left in reversed(range(_TRIES)):
            try:
                answer = await self.region.attempt(SEND, 0, {**request, "Comment": comment})
            except Fault as fault:
                refused = self.region.refused(fault, SEND)
                if not certainly_undone(fault):
                    return await self._found(comment, began, fault)
                again = isinstance(refused, RateLimited) or fault.cause == "unreached"
                if not (left and again):
                    raise refused from fault
                await self.region.clock.sleep(_PAUSE)
            else:
                return str(answer["Command"]["CommandId"])
        raise AssertionError("unreachable")

    async def _found(self, comment: str, began: float, fault: Fault) -> str:
        """Return the id of the command with a comment, which AWS may list after a moment."""
        after = datetime.fromtimestamp(began - _AGO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        filters = [{"key": "InvokedAfter", "value": after}]
        for _ in range(_LOOKS):
            await self.region.clock.sleep(_PAUSE)
            with suppress(Refusal):  # a failed search does not prove that it was not accepted
                found = await self._listed(comment, filters)
                if found:
                    return found
        raise DeadlineExceeded(
            "AWS did not say whether it took the script, and does not list it",
            details=f"{fault.code}. It may have been run: "
            "check the target's state before you retry",
        ) from fault

    async def _listed(self, comment: str, filters: Sequence[Mapping[str, str]]) -> str:
        """Return the id of the command with a comment, empty if it is not listed."""
        async for page in self.region.pages(COMMANDS, Filters=filters, MaxResults=_PAGE):
            for command in page["Commands"]:
                if command.get("Comment") == comment:
                    return str(command["CommandId"])
        return ""


def _comment(key: str) -> str:
    digest = blake2b(key.encode(), digest_size=10).hexdigest()
    return f"SmartOps for {session_name()}, {digest}"
