"""Approvals and operations hold the call as its command and its arguments."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns with defaults, so that replicas of the previous version work on.

    Where ``command`` is empty, ``command_text`` is parsed.
    """
    for table in ("approvals", "operations"):
        op.add_column(table, sa.Column("command", sa.Text, nullable=False, server_default=""))
        op.add_column(table, sa.Column("arguments", sa.Text, nullable=False, server_default=""))
