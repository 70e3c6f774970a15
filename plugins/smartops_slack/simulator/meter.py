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

BURST = 3
"""Posts to one channel that may come at once; over time it is one a second."""

ON_THE_WAY = 1.0
"""Seconds after a refusal in which calls may arrive that left before it was heard of."""


class Meter:
    """Counts calls on a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}
        self._due: dict[str, float] = {}
        self._closed: dict[str, tuple[float, float]] = {}

    def close(self, method: str, seconds: float) -> None:
        """Let nobody call a method for a while."""
        now = self._clock.time()
        self._closed[method] = (now + ON_THE_WAY, now + seconds)

    def closed(self, method: str) -> bool:
        """Say whether a method was told to be left alone, and the time is not over."""
        since, until = self._closed.get(method, (0.0, 0.0))
        return since < self._clock.time() < until

    def take(self, method: str, channel: str = "") -> int:
        """Count a call; return for how many seconds to wait if it is one too many."""
        now = self._clock.time()
        tier = METHODS[method]
        most = TIERS[tier] if isinstance(tier, int) else POSTING_A_MINUTE
        calls = self._calls.setdefault(method, deque())
        while calls and now - calls[0] >= 60.0:
            calls.popleft()
        wait = calls[0] + 60.0 - now if len(calls) >= most else 0.0
        posts = method == "chat.postMessage" and bool(channel)
        due = max(self._due.get(channel, 0.0), now)
        if posts:
            wait = max(wait, due - (BURST - 1) - now)
        if wait <= 0:
            calls.append(now)
            if posts:
                self._due[channel] = due + 1.0
        return math.ceil(wait)
