"""User, team and burst limits together: all taken or none."""

from __future__ import annotations

from smartops.errors import RateLimited
from smartops.limits import Verdict
from smartops.message import Person
from smartops.reply import Reply

from .turn import Parts, Proceed, Turn


async def limit(parts: Parts, proceed: Proceed, turn: Turn) -> Reply:
    """Take one request from every window, or refuse and take nothing."""
    assert turn.person is not None
    if turn.operation is not None:
        return await proceed(turn)  # it was counted when it was begun
    verdict = await take(parts, turn.person, turn.message.team or turn.message.channel)
    turn.quota = verdict.quota
    if not verdict.allowed:
        raise exceeded(verdict)
    return await proceed(turn)


async def take(parts: Parts, person: Person, team: str) -> Verdict:
    """Ask all windows of a person and his team at once."""
    keys = {"user": person.name, "team": team, "burst": team}
    return await parts.limiter.take(
        [(window, f"{name}:{keys[name]}") for name, window in parts.windows.items()]
    )


def exceeded(verdict: Verdict) -> RateLimited:
    """Return the refusal that says which limit was reached and when to come back."""
    return RateLimited(
        "Too many requests", details=_described(verdict), retry_after=verdict.quota.retry_after
    )


def _described(verdict: Verdict) -> str:
    window = verdict.window
    span = {60: "minute", 3600: "hour"}.get(int(window.seconds), f"{window.seconds:g} seconds")
    whose = "" if window.name == "user" else f" ({window.name})"
    return f"Rate limit: {window.limit} requests per {span}{whose}"
