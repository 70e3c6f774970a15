"""The tables. What is here is what the migrations end in; a test compares them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)


def storable(text: str) -> str:
    """Return the text without what a database refuses: NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class Words(TypeDecorator[str]):
    """Text that may come from outside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it storable."""
        return None if value is None else storable(value)


metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("key", Text, primary_key=True),
    Column("expires", Double, nullable=False),
    Column("holder", Text, nullable=False),
    Column("answer", LargeBinary),
    Column("digest", Text, nullable=False, server_default=""),
    Column("lease_until", Double, nullable=False, server_default="0"),
    Column("mac", Text, nullable=False, server_default=""),
    Index("messages_by_expiry", "expires"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Words, primary_key=True),
    Column("person", Words, nullable=False),
    Column("command_text", Words, nullable=False),
    Column("digest", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("plan", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("command", Words, nullable=False, server_default=""),
    Column("arguments", Words, nullable=False, server_default=""),
    Column("mac", Text, nullable=False, server_default=""),
    Column("message", Words, nullable=False, server_default=""),
    Column("requested", Double, nullable=False, server_default="0"),
    Column("demands", Words, nullable=False, server_default=""),
    Column("escalated", Words, nullable=False, server_default=""),
    Column("lease_until", Double, nullable=False, server_default="0"),
    Index("approvals_by_person", "person", "expires"),
    Index("approvals_by_expiry", "expires"),
    Index(
        "approvals_requested",
        "expires",
        sqlite_where=text("state = 'requested'"),
        postgresql_where=text("state = 'requested'"),
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("approval", Words, primary_key=True),
    Column("person", Words, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("identity", Words, nullable=False),
    Column("acting", Words, nullable=False),
    Column("place", Words, nullable=False),
    Column("at", Double, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
    Index("decisions_by_time", "at"),
)

role_grants = Table(
    "role_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("given", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
    Index("role_grants_by_end", "until"),
)

approval_messages = Table(
    "approval_messages",
    metadata,
    Column("key", Text, primary_key=True),
    Column("approval", Words, nullable=False),
    Column("channel", Words, nullable=False),
    Column("conversation", Words, nullable=False),
    Column("expires", Double, nullable=False),
    Column("message", Words, nullable=False),
    Column("shown", Words, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
    Column("place", Words, nullable=False, server_default=""),
    Column("lease_until", Double, nullable=False, server_default="0"),
    Index("approval_messages_by_approval", "approval"),
    Index("approval_messages_by_expiry", "expires"),
    Index(
        "approval_messages_to_post",
        "lease_until",
        sqlite_where=text("place <> '' AND shown = ''"),
        postgresql_where=text("place <> '' AND shown = ''"),
    ),
)

operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Words, nullable=False),
    Column("command_text", Words, nullable=False),
    Column("plan", Words, nullable=False),
    Column("approval_id", Words, unique=True),  # one approval, one operation
    Column("channel", Words, nullable=False),
    Column("conversation", Words, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("message", Words, nullable=False),
    Column("steps", Words, nullable=False),
    Column("resumable", Boolean, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("owner", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("state", Text, nullable=False),
    Column("finished", Double),
    Column("answer", LargeBinary),
    Column("command", Words, nullable=False, server_default=""),
    Column("arguments", Words, nullable=False, server_default=""),
    Column("mac", Text, nullable=False, server_default=""),
    Index("operations_by_lease", "state", "lease_until"),
    Index("operations_by_start", "started"),
    Index("operations_by_idempotency_key", "idempotency_key"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("message", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
    Index("inbox_by_lease", "lease_until"),
)

questions = Table(
    "questions",
    metadata,
    Column("person", Words, primary_key=True),
    Column("channel", Words, primary_key=True),
    Column("conversation", Words, primary_key=True),
    Column("command_text", Words, nullable=False),
    Column("parameter", Words, nullable=False),
    Column("expires", Double, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
)

key_values = Table(
    "key_values",
    metadata,
    Column("name", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Double, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("idempotency_key", Words, nullable=False),
    Column("person", Words, nullable=False),
    Column("identity", Words, nullable=False),
    Column("claimed", Words, nullable=False),
    Column("place", Words, nullable=False),
    Column("command", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("targets", Words, nullable=False, server_default=""),
    Column("plan_digest", Text, nullable=False, server_default=""),
    Column("approval_id", Text, nullable=False, server_default=""),
    Column("operation_id", Text, nullable=False, server_default=""),
    Column("chain", Text, nullable=False, server_default=""),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("hash", LargeBinary),
    Column("kind", Text, nullable=False, server_default=""),
    Index("audit_events_by_person", "person", "id", "command"),
    Index("audit_events_by_command", "command", "id", "person"),
    Index("audit_events_by_time", "at"),
    *(
        Index(f"audit_events_by_{name}", f"{name}_id", sqlite_where=given, postgresql_where=given)
        for name in ("approval", "operation")
        for given in [text(f"{name}_id <> ''")]
    ),
    Index(  # most outcomes are a success, which needs no index to be found
        "audit_events_by_outcome",
        "outcome",
        "id",
        "person",
        "command",
        sqlite_where=text("outcome <> 'success'"),
        postgresql_where=text("outcome <> 'success'"),
    ),
)

audit_targets = Table(
    "audit_targets",
    metadata,
    Column("target", Words, primary_key=True),
    Column("event", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Index("audit_targets_by_event", "event"),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("last_event", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)

audit_sinks = Table(
    "audit_sinks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("event", BigInteger, nullable=False),
    Column("checkpoint", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("mac", Text, nullable=False, server_default=""),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("started", Double, nullable=False),
    Column("severity", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("labels", Words, nullable=False),
    Column("links", Words, nullable=False),
    Column("received", Double, nullable=False),
    Column("last", Double, nullable=False),
    Column("count", Integer, nullable=False),
    Column("resolved", Double),
    Column("acked_by", Words, nullable=False, server_default=""),
    Column("acked_at", Double),
    Index("alerts_by_occurrence", "source", "fingerprint", "started", unique=True),
    Index("alerts_by_resolved", "resolved", "started"),
)

alert_posts = Table(
    "alert_posts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("route", Words, nullable=False),
    Column("group", Words, nullable=False),
    Column("place", Words, nullable=False),
    Column("opened", Double, nullable=False),
    Column("state", Words, nullable=False),
    Column("shown", Words, nullable=False),
    Column("due", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("closed", Double),
    Index(  # one post that is not closed for each group and place
        "alert_posts_open",
        "route",
        "group",
        "place",
        unique=True,
        sqlite_where=text("closed IS NULL"),
        postgresql_where=text("closed IS NULL"),
    ),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("matchers", Words, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Index("silences_by_end", "until"),
)

revoked = Table(
    "revoked",
    metadata,
    Column("jti", Words, primary_key=True),
    Column("until", Double, nullable=False),
)

pulse = Table(
    "pulse",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
)
