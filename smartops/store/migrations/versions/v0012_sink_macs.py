"""Positions of audit sinks have MACs."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Only add. With a key, a sink gets the audit log from the beginning once more."""
    op.add_column("audit_sinks", sa.Column("mac", sa.Text, nullable=False, server_default=""))
