"""What must survive a restart: messages, approvals, operations, the history, revoked tokens.

SQLAlchemy and Alembic are used in here and nowhere else. SQLite is the
embedded default; PostgreSQL serves several replicas.
"""

from .rows import (
    LEASE,
    Approval,
    ApprovalMessage,
    ApprovalState,
    AuditEvent,
    AuditSearch,
    OpenQuestion,
    Operation,
    OperationState,
    StoreClosed,
    StoreUnavailable,
    token_key,
)
from .store import Store

__all__ = [
    "LEASE",
    "Approval",
    "ApprovalMessage",
    "ApprovalState",
    "AuditEvent",
    "AuditSearch",
    "OpenQuestion",
    "Operation",
    "OperationState",
    "Store",
    "StoreClosed",
    "StoreUnavailable",
    "token_key",
]
