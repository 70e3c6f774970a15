"""The commands of SmartOps itself: about the person who asks, and the audit events of all."""

from .alerts import ALERT_COMMANDS
from .audit import event_data, read_search
from .commands import CORE_COMMANDS
from .permission import Permission, may_run
from .roles import ROLE_COMMANDS
from .schedules import SCHEDULE_COMMANDS

__all__ = [
    "ALERT_COMMANDS",
    "CORE_COMMANDS",
    "ROLE_COMMANDS",
    "SCHEDULE_COMMANDS",
    "Permission",
    "event_data",
    "may_run",
    "read_search",
]
