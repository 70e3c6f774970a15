"""What the author of a backend imports besides ``smartops``.

The base class of all capabilities, and the values that the capabilities of
``smartops`` (Compute, Runner, Metrics, Costs) take and return. ``ask_all`` asks
several systems concurrently, and ``Group`` is the base of backends that are used
as one. ``page_of`` pages through instances that are at hand; ``join_parts`` makes
one run id of several.
"""

from .annotations import Annotation, Annotations
from .backend import (
    Backend,
    Condition,
    DayCost,
    Failure,
    Metric,
    Notice,
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
from .fleet.group import Group
from .fleet.group import ask as ask_all
from .fleet.paging import page_of
from .fleet.runner import RunPart, join_parts, split_parts
from .patterns import literal, pattern_tokens

__all__ = [
    "Annotation",
    "Annotations",
    "Backend",
    "Condition",
    "DayCost",
    "Failure",
    "Group",
    "Metric",
    "Notice",
    "Page",
    "PartialList",
    "PartialMap",
    "Query",
    "RunPart",
    "RunResult",
    "RunStatus",
    "Sample",
    "State",
    "Transition",
    "Usage",
    "Verb",
    "ask_all",
    "failures_of",
    "join_parts",
    "literal",
    "page_of",
    "pattern_tokens",
    "split_parts",
]
