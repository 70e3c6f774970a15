"""The way of a message: :class:`Gate` calls one step after the other."""

from .access import identify, may_ever
from .approvals import with_decision
from .choices import complete
from .dispatch import Wired
from .gate import Gate
from .running import ProgressReporter, Running
from .steps import Answer, Claimed, Parts

__all__ = [
    "Answer",
    "Claimed",
    "Gate",
    "Parts",
    "ProgressReporter",
    "Running",
    "Wired",
    "complete",
    "identify",
    "may_ever",
    "with_decision",
]
