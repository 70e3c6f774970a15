"""What the author of a guard or of a sink for the audit log imports besides ``smartops``."""

from .auth.conditions import Conditions
from .guard import NeedsApproval
from .sink import AuditBatch, AuditSink
from .values import format_duration

__all__ = ["AuditBatch", "AuditSink", "Conditions", "NeedsApproval", "format_duration"]
