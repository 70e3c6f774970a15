"""Alerts that event sources report, and silences."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Only add."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("links", sa.Text, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("resolved", sa.Double),
        sa.Column("acked_by", sa.Text, nullable=False, server_default=""),
        sa.Column("acked_at", sa.Double),
    )
    columns = ["source", "fingerprint", "started"]
    op.create_index("alerts_by_occurrence", "alerts", columns, unique=True)
    op.create_index("alerts_by_resolved", "alerts", ["resolved", "started"])
    op.create_table(
        "silences",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("silences_by_end", "silences", ["until"])
