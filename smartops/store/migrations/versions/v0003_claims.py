"""A claim of an act has a lease, and knows what was said."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns with defaults, so that replicas of the previous version work on."""
    op.add_column("acts", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    op.add_column("acts", sa.Column("lease_until", sa.Double, nullable=False, server_default="0"))
