"""How many audit events refused requests cause."""

from smartops.app.rejections import ADDRESSES, Rejections
from smartops.channels import Headers, Inbound
from smartops.errors import AuthenticationFailed
from smartops.store import AuditEvent
from smartops.testing import ManualClock


def test_a_flood_from_many_addresses_causes_a_bounded_number_of_events() -> None:
    clock = ManualClock()
    events: list[AuditEvent] = []
    rejections = Rejections(clock, events.append)

    def refuse(number: int) -> None:
        inbound = Inbound("POST", "/", Headers([]), b"", "request", f"2001:db8::{number:x}")
        rejections.note("api", inbound, AuthenticationFailed("Invalid or missing bearer token"))

    for number in range(2 * ADDRESSES):
        refuse(number)
    assert len(events) == ADDRESSES
    clock.advance(61)
    refuse(1)
    assert len(events) == ADDRESSES + 1
    assert f"after {ADDRESSES} more without an event" in events[-1].text
