"""What Slack hands out for a short time: triggers, which open dialogs, and response URLs."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from smartops import Clock
from smartops_simulators.chat import User

TRIGGER_SECONDS, RESPONSE_SECONDS = 3.0, 1800.0
RESPONSE_USES = 5


@dataclass(slots=True)
class Ticket:
    """A right of one person's request, until a time and for some uses."""

    user: User
    until: float
    uses: int
    channel: str = ""
    ts: str = ""


class Tickets:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tickets: dict[str, Ticket] = {}

    def trigger(self, user: User) -> str:
        return self._add(Ticket(user, self._clock.time() + TRIGGER_SECONDS, 1))

    def response(self, channel: str, user: User, ts: str = "") -> str:
        """Return the id of a new response URL; ``ts`` is the message that it may replace."""
        until = self._clock.time() + RESPONSE_SECONDS
        return self._add(Ticket(user, until, RESPONSE_USES, channel, ts))

    def _add(self, ticket: Ticket) -> str:
        made = f"{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self._tickets[made] = ticket
        return made

    def use(self, id: str, invalid: str, expired: str, used: str) -> Ticket | str:
        """Count a use of a ticket; returns Slack's word for why it cannot be used."""
        ticket = self._tickets.get(id)
        if ticket is None:
            return invalid
        if self._clock.time() > ticket.until:
            return expired
        if not ticket.uses:
            return used
        ticket.uses -= 1
        return ticket
