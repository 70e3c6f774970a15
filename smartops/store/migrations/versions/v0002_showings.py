"""An approval can be shown by several messages, each with a token of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Move what is known of the asking message to a table of its own."""
    op.create_table(
        "showings",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("approval", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
    )
    op.create_index("showings_by_approval", "showings", ["approval"])
    op.create_index("showings_by_expiry", "showings", ["expires"])
    op.execute(
        "INSERT INTO showings (key, approval, channel, conversation, expires, message, shown) "
        "SELECT key, key, channel, conversation, expires, message, shown FROM approvals"
    )
    with op.batch_alter_table("approvals") as approvals:
        approvals.alter_column("key", new_column_name="id")
        for name in ("channel", "conversation", "message", "shown"):
            approvals.drop_column(name)
    with op.batch_alter_table("operations") as operations:
        operations.alter_column("approval_key", new_column_name="approval_id")
