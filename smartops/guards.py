"""What the author of a guard or of a sink for the audit log imports besides ``smartops``."""

from .auth.conditions import Conditions
from .config.fields import CronText, TimeZone
from .cron import last_start, next_start
from .guard import NeedsApproval
from .sink import AuditBatch, AuditSink
from .values import format_duration

__all__ = [
    "AuditBatch",
    "AuditSink",
    "Conditions",
    "CronText",
    "NeedsApproval",
    "TimeZone",
    "format_duration",
    "last_start",
    "next_start",
]
