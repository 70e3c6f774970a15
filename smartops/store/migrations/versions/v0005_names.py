"""Tables and columns are named as the glossary names things, and a claim has an expiry."""

from alembic import op

revision = "0005"
down_revision = "0004"

_TABLES = {
    "acts": "messages",
    "showings": "approval_messages",
    "records": "audit_events",
    "shelf": "key_values",
}
_INDEXES = (
    ("acts_by_time", "messages_by_expiry", "messages", ["expires"]),
    (
        "showings_by_approval",
        "approval_messages_by_approval",
        "approval_messages",
        ["approval"],
    ),
    ("showings_by_expiry", "approval_messages_by_expiry", "approval_messages", ["expires"]),
    (
        "operations_by_act",
        "operations_by_idempotency_key",
        "operations",
        ["idempotency_key"],
    ),
    ("records_by_person", "audit_events_by_person", "audit_events", ["person", "id"]),
)
_DEDUPLICATED = 604_800
"""For how many seconds a claim was known after the time in ``at``."""


def upgrade() -> None:
    """Rename, so that replicas of the previous version stop working: no row is copied."""
    for old, new in _TABLES.items():
        op.rename_table(old, new)
    for table in ("operations", "audit_events"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN act TO idempotency_key")
    op.execute("ALTER TABLE messages RENAME COLUMN at TO expires")
    op.execute(f"UPDATE messages SET expires = expires + {_DEDUPLICATED}")  # noqa: S608 - a constant
    op.execute("ALTER TABLE audit_events DROP COLUMN phase")  # it was always "outcome"
    for index, new, table, columns in _INDEXES:
        op.drop_index(index, table)
        op.create_index(new, table, columns)
