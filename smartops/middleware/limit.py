"""User, team and burst limits together: all taken or none."""

from __future__ import annotations

from smartops.errors import RateLimited
from smartops.limits import Verdict
from smartops.message import Person
from smartops.reply import Quota, Reply

from .turn import Parts, Proceed, Turn


async def limit(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Take one request from every window, or refuse and take nothing."""
    assert turn.person is not None
    turn.quota = await take(parts, turn, turn.person)
    return await proceed(turn)


async def take(parts: Parts, turn: Turn, person: Person) -> Quota:
    """Take from the windows of a person and his team; raises RateLimited."""
    team = turn.message.team or turn.message.channel
    keys = {"user": person.name, "team": team, "burst": team}
    verdict = await parts.limiter.take(
        [(window, f"{name}:{keys[name]}") for name, window in parts.windows.items()]
    )
    turn.quota = verdict.quota
    if not verdict.allowed:
        raise RateLimited(
            "Too many requests", details=_described(verdict), retry_after=verdict.quota.retry_after
        )
    return verdict.quota


def _described(verdict: Verdict) -> str:
    window = verdict.window
    span = {60: "minute", 3600: "hour"}.get(int(window.seconds), f"{window.seconds:g} seconds")
    whose = "" if window.name == "user" else f" ({window.name})"
    return f"Rate limit: {window.limit} requests per {span}{whose}"
