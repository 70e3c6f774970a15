"""Rows have MACs, audit events a kind, and readers of the audit log their positions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_AUTHENTICATED = (
    "messages",
    "approvals",
    "approval_messages",
    "operations",
    "inbox",
    "questions",
    "key_values",
)


def upgrade() -> None:
    """Only add. With a key, rows of before are not valid."""
    for table in _AUTHENTICATED:
        op.add_column(table, sa.Column("mac", sa.Text, nullable=False, server_default=""))
    op.add_column("audit_events", sa.Column("kind", sa.Text, nullable=False, server_default=""))
    for name in ("approval", "operation"):
        given = sa.text(f"{name}_id <> ''")
        op.create_index(
            f"audit_events_by_{name}",
            "audit_events",
            [f"{name}_id"],
            sqlite_where=given,
            postgresql_where=given,
        )
    op.create_table(
        "audit_sinks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.Column("checkpoint", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
    )
