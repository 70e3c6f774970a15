"""How often Slack lets itself be called: per method, and per channel where it is posted to."""

from __future__ import annotations

import math
from collections import deque

from smartops import Clock

TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls a minute."""

POSTING_A_MINUTE = 600
"""Posts a minute in the whole workspace: several hundred, Slack says."""

SPECIAL = "special"
METHODS: dict[str, int | str] = {
    "apps.connections.open": 1,
    "auth.test": SPECIAL,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.postMessage": SPECIAL,
    "chat.update": 3,
    "conversations.open": 3,
    "files.completeUploadExternal": 4,
    "files.getUploadURLExternal": 4,
    "users.info": 4,
    "views.open": 4,
}
"""The methods there are, and the tier of each."""

BETWEEN_POSTS = 1.0
TOLERANCE = 0.1
"""Seconds by which a network may bring two posts closer together."""


class Meter:
    """Counts calls on a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._posted: dict[str, float] = {}
        self._closed: dict[str, float] = {}

    def close(self, method: str, seconds: float) -> None:
        """Let nobody call a method for a while."""
        self._closed[method] = self._clock.time() + seconds

    def closed(self, method: str) -> bool:
        """Say whether a method was told to be left alone, and the time is not over."""
        return self._clock.time() < self._closed.get(method, 0.0) - TOLERANCE

    def take(self, method: str, channel: str = "") -> int:
        """Count a call; return for how many seconds to wait if it is one too many."""
        now = self._clock.time()
        tier = METHODS[method]
        most = TIERS[tier] if isinstance(tier, int) else POSTING_A_MINUTE
        calls = self._calls.setdefault(method, deque())
        while calls and now - calls[0] >= 60.0:
            calls.popleft()
        wait = calls[0] + 60.0 - now if len(calls) >= most else 0.0
        if method == "chat.postMessage" and channel:
            due = self._posted.get(channel, -math.inf) + BETWEEN_POSTS
            wait = max(wait, due - now if due - now > TOLERANCE else 0.0)
        if wait <= 0:
            calls.append(now)
            if method == "chat.postMessage":
                self._posted[channel] = now
        return math.ceil(wait)
