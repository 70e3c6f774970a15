"""What Slack hands out for a short time: triggers, which open dialogs, and response URLs."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from smartops import Clock

from .world import User

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 1800.0
RESPONSE_USES = 5


@dataclass(slots=True)
class Trigger:
    """Opens one dialog for one person, soon."""

    id: str
    user: User
    until: float
    used: bool = False


@dataclass(slots=True)
class Response:
    """Takes a few answers to one act; ``ts`` is of the message that was acted on, if any."""

    id: str
    channel: str
    user: User
    until: float
    ts: str = ""
    uses: int = 0


class Tickets:
    """Hands them out and takes them back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._triggers: dict[str, Trigger] = {}
        self._responses: dict[str, Response] = {}

    def trigger(self, user: User) -> str:
        """Return a new trigger id."""
        made = f"{next(self._numbers)}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self._triggers[made] = Trigger(made, user, self._clock.time() + TRIGGER_SECONDS)
        return made

    def pulled(self, id: str) -> Trigger | str:
        """Use a trigger up; returns Slack's word for why it cannot be."""
        trigger = self._triggers.get(id)
        if trigger is None:
            return "invalid_trigger_id"
        if trigger.used:
            return "exchanged_trigger_id"
        if self._clock.time() > trigger.until:
            return "expired_trigger_id"
        trigger.used = True
        return trigger

    def response(self, channel: str, user: User, ts: str = "") -> str:
        """Return the id of a new response URL."""
        made = secrets.token_urlsafe(18)
        until = self._clock.time() + RESPONSE_SECONDS
        self._responses[made] = Response(made, channel, user, until, ts)
        return made

    def answered(self, id: str) -> Response | str:
        """Count a use of a response URL; returns Slack's word for why it takes no more."""
        response = self._responses.get(id)
        if response is None:
            return "invalid_url"
        if self._clock.time() > response.until:
            return "expired_url"
        if response.uses >= RESPONSE_USES:
            return "used_url"
        response.uses += 1
        return response
