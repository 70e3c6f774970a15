"""What must survive a restart: acts, approvals, operations, the history, revoked tokens.

SQLAlchemy and Alembic are used in here and nowhere else. SQLite is the
embedded default; PostgreSQL serves several replicas.
"""

from .rows import (
    LEASE,
    Approval,
    ApprovalState,
    Operation,
    OperationState,
    Question,
    Record,
    Showing,
    StoreClosed,
    StoreUnavailable,
    token_key,
)
from .store import Store

__all__ = [
    "LEASE",
    "Approval",
    "ApprovalState",
    "Operation",
    "OperationState",
    "Question",
    "Record",
    "Showing",
    "Store",
    "StoreClosed",
    "StoreUnavailable",
    "token_key",
]
