"""Planning and setting a freeze or a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from smartops import Call, Change, Plan, Services, ValidationFailed

from .config import GuardrailsConfig
from .holds import STATES, Hold, Holds, Kind
from .times import Moment, end_of, shown, span

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be frozen or locked, why, and for how long."""

    kind: Kind
    subject: str
    label: str
    reason: str
    until: Moment | None
    duration: timedelta | None


class Setter:
    """Plans and sets freezes and locks."""

    def __init__(self, config: GuardrailsConfig, services: Services, holds: Holds) -> None:
        self._zone = config.zone
        self._clock = services.clock
        self._holds = holds

    async def plan(self, call: Call, terms: Terms) -> Plan:
        """Return the plan; raises a refusal if it cannot be set."""
        kind, label, reason = terms.kind, terms.label, _checked(terms.reason)
        old = await self._holds.replaceable(kind, terms.subject, call.person)
        end = end_of(self._clock.now(), self._zone, terms.until, terms.duration)
        ends = span(end, self._zone, terms.duration)
        before = old.state(self._zone) if old else f"not {STATES[kind]}"
        after = f"{STATES[kind]} by {call.person.name} {ends}"
        summary = f"{kind.capitalize()} {label} {ends}: {reason}"
        return Plan(summary, (Change(terms.subject, label, before, after),))

    async def set(self, call: Call, plan: Plan, terms: Terms) -> Hold:
        """Set what was planned; raises ValidationFailed if it would end at another time now."""
        now = self._clock.now()
        end = end_of(now, self._zone, terms.until, terms.duration)
        if not plan.changes[0].after.endswith(f" {span(end, self._zone, terms.duration)}"):
            raise ValidationFailed(f"{terms.until} has passed in the meantime")
        new = Hold(
            terms.kind,
            terms.subject,
            terms.label,
            person=call.person.name,
            reason=_checked(terms.reason),
            since=now.timestamp(),
            until=end.timestamp(),
        )
        old = await self._holds.replaceable(terms.kind, terms.subject, call.person)
        await self._holds.set(new, old)
        return new

    def outcome(self, hold: Hold) -> str:
        """Return the sentence that says what was set."""
        return f"{hold.label} is {STATES[hold.kind]} until {shown(hold.end, self._zone)}."


def _checked(text: str) -> str:
    """Return a reason; raises ValidationFailed if it is empty, too long or not one line."""
    reason = text.strip().strip("\"'“”").strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise ValidationFailed(
            "The reason cannot be used", details=f"Write one line of at most {MAX_REASON} letters"
        )
    return reason
