"""The way of a message: :class:`Gate` calls one step after the other."""

from .access import identify, may_ever
from .approvals import with_decision
from .audit_command import event_data, read_search
from .choices import complete
from .commands import CORE_COMMANDS
from .dispatch import Wired
from .gate import Gate
from .permission import Permission, may_run
from .running import ProgressReporter, Running
from .steps import Answer, Claimed, Parts

__all__ = [
    "CORE_COMMANDS",
    "Answer",
    "Claimed",
    "Gate",
    "Parts",
    "Permission",
    "ProgressReporter",
    "Running",
    "Wired",
    "complete",
    "event_data",
    "identify",
    "may_ever",
    "may_run",
    "read_search",
    "with_decision",
]
