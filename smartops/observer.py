"""The contract for observers: plugin code that is notified of every decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .command import Call
from .message import Person, Place

DecisionKind = Literal[
    "received",
    "denied",
    "refused",
    "asked",
    "requested",
    "approved",
    "declined",
    "cancelled",
    "expired",
    "escalated",
    "emergency",
    "role_given",
    "role_ended",
    "started",
    "finished",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class DecisionEvent:
    """One decision about a message.

    A message is ``received`` and ends with one of: ``denied`` (by the policy), ``refused``,
    ``asked`` (to confirm, or for an argument), ``finished``, ``unknown``. In between a
    plan is ``approved`` or ``cancelled``, and a call is ``started``. A plan that others must
    approve is ``requested``; each of them has ``approved`` or ``declined`` it, or it has
    ``expired``. A duplicate has
    no events; messages beyond a rate limit are ``refused`` once for each window.

    ``text`` is that of the call, or of the message while there is none, with secrets
    masked. ``call`` is as far as it is known: its targets are resolved once the
    policy allowed it. ``plan_digest`` is what an approval is bound to, so it
    connects asked, approved, cancelled, started and finished; ``operation`` is the id of the
    operation. ``outcome`` is given at the end: success, pending, an error code, cancelled
    or unknown. The kind is ``unknown`` whenever a change may have taken effect.
    """

    kind: DecisionKind
    at: datetime
    request_id: str
    person: Person
    place: Place
    command: str = ""
    text: str = ""
    call: Call | None = None
    rule: str = ""
    plan_digest: str = ""
    operation: str = ""
    outcome: str = ""


Observer = Callable[[DecisionEvent], Awaitable[None]]
"""A plugin's function that is notified of every decision."""
