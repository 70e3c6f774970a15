"""How fast Slack may be called, per method and, for posting, per channel."""

from __future__ import annotations

import math

from smartops import Clock

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

OTHERS = (100, 20)
POSTING = frozenset({"chat.postMessage", "files.completeUploadExternal"})
BETWEEN_POSTS = 1.0
"""Seconds between two messages to one channel."""

MOST_KEYS = 10_000


class Pace:
    """Lets calls through in the order they came, no faster than Slack takes them.

    Each kind of call has the moment at which its next one is due: calls wait for
    theirs. A minute never sees more than Slack allows, burst included.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[tuple[str, str], float] = {}

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until the method may be called (for the channel)."""
        now = self._clock.time()
        limit, burst = PER_MINUTE.get(method, OTHERS)
        moment = self._take((method, ""), 60.0 / (limit - burst), burst, now)
        if method in POSTING and channel:
            moment = max(moment, self._take(("", channel), BETWEEN_POSTS, 1, now))
        if moment > now:
            await self._clock.sleep(moment - now)

    def pause(self, method: str, seconds: float) -> None:
        """Let no call of the method through for a while: Slack said so."""
        limit, burst = PER_MINUTE.get(method, OTHERS)
        spare = (burst - 1) * 60.0 / (limit - burst)
        until = self._clock.time() + seconds + spare
        self._due[(method, "")] = max(self._due.get((method, ""), 0.0), until)

    def _take(self, key: tuple[str, str], interval: float, burst: int, now: float) -> float:
        """Book the next call, and return when it may be made."""
        if len(self._due) >= MOST_KEYS and key not in self._due:
            self._due = {name: due for name, due in self._due.items() if due > now}
        due = max(self._due.get(key, -math.inf), now)
        self._due[key] = due + interval
        return due - (burst - 1) * interval
