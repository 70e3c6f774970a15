"""What must survive a restart: messages, approvals, operations, the history, revoked tokens.

SQLAlchemy and Alembic are used in here and nowhere else. SQLite is the
embedded default; PostgreSQL serves several replicas.
"""

from .checkpoints import Checkpoint, split_notes
from .rows import (
    LEASE,
    Alert,
    AlertPost,
    Approval,
    ApprovalMessage,
    ApprovalState,
    AuditEvent,
    AuditSearch,
    Decision,
    OpenQuestion,
    Operation,
    OperationState,
    RoleGrant,
    Silence,
    StoreClosed,
    StoreUnavailable,
    token_key,
)
from .sinks import Link, Position
from .store import Store
from .verify import verify_audit_log

__all__ = [
    "LEASE",
    "Alert",
    "AlertPost",
    "Approval",
    "ApprovalMessage",
    "ApprovalState",
    "AuditEvent",
    "AuditSearch",
    "Checkpoint",
    "Decision",
    "Link",
    "OpenQuestion",
    "Operation",
    "OperationState",
    "Position",
    "RoleGrant",
    "Silence",
    "Store",
    "StoreClosed",
    "StoreUnavailable",
    "split_notes",
    "token_key",
    "verify_audit_log",
]
