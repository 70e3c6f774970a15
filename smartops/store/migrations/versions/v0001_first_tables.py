"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "acts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("answer", sa.LargeBinary),
    )
    op.create_index("acts_by_time", "acts", ["at"])
    _approvals()
    _operations()
    _records()
    _conversation()
    op.create_table(
        "revoked",
        sa.Column("jti", sa.Text, primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("command_text", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("approvals_by_person", "approvals", ["person", "expires"])
    op.create_index("approvals_by_expiry", "approvals", ["expires"])


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("command_text", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("approval_key", sa.Text, unique=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("steps", sa.Text, nullable=False),
        sa.Column("resumable", sa.Boolean, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("answer", sa.LargeBinary),
    )
    op.create_index("operations_by_lease", "operations", ["state", "lease_until"])
    op.create_index("operations_by_start", "operations", ["started"])
    op.create_index("operations_by_act", "operations", ["act"])


def _conversation() -> None:
    op.create_table(
        "inbox",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
    )
    op.create_index("inbox_by_lease", "inbox", ["lease_until"])
    op.create_table(
        "questions",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("conversation", sa.Text, primary_key=True),
        sa.Column("command_text", sa.Text, nullable=False),
        sa.Column("parameter", sa.Text, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_table(
        "shelf",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _records() -> None:
    identifier = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    words = ("request_id", "act", "person", "identity", "claimed", "place", "command", "text")
    op.create_table(
        "records",
        sa.Column("id", identifier, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in words),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
    )
    op.create_index("records_by_person", "records", ["person", "id"])
