"""Approvals can wait for the decisions of other people, and roles be held for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Only add: with these defaults, replicas of the previous version work on."""
    for name in ("message", "demands", "escalated"):
        op.add_column("approvals", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("requested", "lease_until"):
        op.add_column("approvals", sa.Column(name, sa.Double, nullable=False, server_default="0"))
    _index("approvals_requested", "approvals", "expires", "state = 'requested'")
    table = "approval_messages"
    op.add_column(table, sa.Column("place", sa.Text, nullable=False, server_default=""))
    op.add_column(table, sa.Column("lease_until", sa.Double, nullable=False, server_default="0"))
    _index("approval_messages_to_post", table, "lease_until", "place <> '' AND shown = ''")
    op.create_table(
        "decisions",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("approval", "person")),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("verdict", "reason", "identity", "acting", "place")
        ),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("mac", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("decisions_by_time", "decisions", ["at"])
    op.create_table(
        "role_grants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("given", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("mac", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("role_grants_by_end", "role_grants", ["until"])


def _index(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
