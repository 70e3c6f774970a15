"""Audit events are linked by hashes, and checkpoints say how far the chains went."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Only add. Events of before, and those of the previous version, belong to no chain."""
    op.add_column("audit_events", sa.Column("chain", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "audit_events", sa.Column("seq", sa.BigInteger, nullable=False, server_default="0")
    )
    op.add_column("audit_events", sa.Column("hash", sa.LargeBinary))
    op.create_table(
        "audit_checkpoints",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_event", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
