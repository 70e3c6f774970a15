"""Posts of groups of alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Only add."""
    op.create_table(
        "alert_posts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("opened", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("closed", sa.Double),
    )
    op.create_index(
        "alert_posts_open",
        "alert_posts",
        ["route", "group", "place"],
        unique=True,
        sqlite_where=sa.text("closed IS NULL"),
        postgresql_where=sa.text("closed IS NULL"),
    )
