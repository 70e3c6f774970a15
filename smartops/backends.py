"""What the author of a backend imports besides ``smartops``.

The base class of all capabilities, and the values that the capabilities of
``smartops`` (Compute, Runner, Metrics, Costs) take and return.
"""

from .backend import (
    Backend,
    DayCost,
    Failure,
    Metric,
    Page,
    PartialList,
    PartialMap,
    Query,
    RunResult,
    RunStatus,
    Sample,
    State,
    Transition,
    Usage,
    Verb,
    failures_of,
)

__all__ = [
    "Backend",
    "DayCost",
    "Failure",
    "Metric",
    "Page",
    "PartialList",
    "PartialMap",
    "Query",
    "RunResult",
    "RunStatus",
    "Sample",
    "State",
    "Transition",
    "Usage",
    "Verb",
    "failures_of",
]
