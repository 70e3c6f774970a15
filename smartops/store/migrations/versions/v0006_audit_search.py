"""Audit events have what they are searched by: targets, plan, approval and operation."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_COLUMNS = ("targets", "plan_digest", "approval_id", "operation_id")


def upgrade() -> None:
    """Only add: replicas of the previous version continue to work, and add events without these."""
    for name in _COLUMNS:
        op.add_column("audit_events", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.drop_index("audit_events_by_person", "audit_events")
    op.create_index("audit_events_by_person", "audit_events", ["person", "id", "command"])
    op.create_index("audit_events_by_command", "audit_events", ["command", "id", "person"])
    op.create_index("audit_events_by_time", "audit_events", ["at"])
    unsuccessful = sa.text("outcome <> 'success'")
    op.create_index(
        "audit_events_by_outcome",
        "audit_events",
        ["outcome", "id", "person", "command"],
        sqlite_where=unsuccessful,
        postgresql_where=unsuccessful,
    )
    op.create_table(
        "audit_targets",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("event", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    )
    op.create_index("audit_targets_by_event", "audit_targets", ["event"])
