"""The backends that a query selects."""

from __future__ import annotations

from smartops import Compute, ValidationFailed
from smartops.backends import Query


def asked(compute: Compute, query: Query) -> tuple[str, ...]:
    """Return the names of the backends that a query selects; raises ValidationFailed if none."""
    names = tuple(name for name in compute.members if query.asks(name))
    if not names:
        raise ValidationFailed(
            f"No backend is called {' or '.join(query.backends)}",
            details=f"There are: {', '.join(compute.members)}",
        )
    return names
