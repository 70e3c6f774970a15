"""The rate limits of Slack: per method and, for posting, per channel."""

from __future__ import annotations

from smartops import Clock
from smartops.channels import Pace, Paces

PER_MINUTE = {
    "chat.postMessage": (300, 30),
    "chat.postEphemeral": (100, 20),
    "chat.update": (50, 10),
    "chat.delete": (50, 10),
    "conversations.open": (50, 10),
    "views.open": (100, 20),
    "files.getUploadURLExternal": (100, 20),
    "files.completeUploadExternal": (100, 20),
}
"""Calls a minute by Slack's tiers, and how many of them may come at once."""

POSTING = frozenset({"chat.postMessage", "files.completeUploadExternal"})


class Pacing:
    """Delays calls, in the order they came, so that Slack's limits hold."""

    def __init__(self, clock: Clock) -> None:
        self._methods = {
            method: Pace(clock, [(burst, 60.0 * burst / limit)])
            for method, (limit, burst) in PER_MINUTE.items()
        }
        self._others = Paces(lambda: Pace(clock, [(20, 12.0)]))
        self._channels = Paces(lambda: Pace(clock, [(1, 1.0)]), most=10_000)

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until the method may be called (for the channel)."""
        await self._of(method).turn()
        if method in POSTING and channel:
            await self._channels[channel].turn()

    def pause(self, method: str, seconds: float) -> None:
        """Delay calls of the method for some seconds."""
        self._of(method).pause(seconds)

    def _of(self, method: str) -> Pace:
        return self._methods.get(method) or self._others[method]
