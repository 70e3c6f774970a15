"""The rows of the store as values. Times are in seconds since the epoch."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smartops.errors import BackendUnavailable, SmartOpsError

ApprovalState = Literal["pending", "requested", "confirmed", "cancelled", "declined", "expired"]
OperationState = Literal["running", "done", "failed", "unknown"]

LEASE = 15.0
"""For how many seconds an operation is its owner's unless the lease is renewed."""


class StoreUnavailable(BackendUnavailable):
    """The database is away or failed; the text says whether the write may have happened."""


class StoreClosed(SmartOpsError):
    """The store was used after it was closed, or while it was closing."""


def token_key(token: str) -> str:
    """Return the hex SHA-256 of a button's token, which is stored in place of the token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """A claimed message: the digest of its content, the lease, and the stored answer."""

    digest: str
    lease_until: float
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Approval:
    """A pending decision about a plan.

    ``id`` is not a secret: deciding takes a token (see :class:`ApprovalMessage`).
    ``plan`` is JSON, ``digest`` what the approval is bound to. ``command`` and
    ``arguments`` (JSON) are the call, ``command_text`` is how it is shown.

    It is ``requested`` at that time if its person has confirmed it and it waits for other
    people. Then ``message`` (JSON) is what confirmed it, ``demands`` (JSON) whose approval
    it needs, and ``escalated`` names the demands that were escalated.
    ``lease_until`` is until when a process tries to execute it.
    """

    id: str
    person: str
    command_text: str
    digest: str
    expires: float
    plan: str
    state: ApprovalState = "pending"
    command: str = ""
    arguments: str = ""
    message: str = ""
    requested: float = 0.0
    demands: str = ""
    escalated: str = ""
    lease_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided about the approval of another: ``approved`` or ``declined``.

    ``identity`` is the sender of the message that decided, ``acting`` who sent it for them.
    """

    approval: str
    person: str
    verdict: Literal["approved", "declined"]
    reason: str
    identity: str
    acting: str
    place: str
    at: float


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role that a person holds until a time; ``id`` is that of the operation that gave it."""

    id: str
    person: str
    role: str
    given: float
    until: float
    state: Literal["active", "ended"] = "active"


@dataclass(frozen=True, slots=True)
class ApprovalMessage:
    """A message that shows an ``approval`` (its id), with buttons of its own.

    ``key`` is :func:`token_key` of the token that they carry, so that the store
    contains no usable token. ``message`` is the message that was answered, as JSON,
    and ``shown`` the platform's id of the message that shows it, empty
    while that is not known, or if it cannot be edited. With a ``place`` it answers no
    message, and is posted there by the process that holds its lease, if it is not shown yet.
    """

    key: str
    approval: str
    channel: str
    conversation: str
    expires: float
    message: str = ""
    shown: str = ""
    place: str = ""
    lease_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Operation:
    """One accepted change or long run.

    ``approval_id`` is empty where none was needed. ``plan`` is JSON, and so is ``message``,
    which began it. ``idempotency_key`` is that of the message it was begun for. ``steps`` is JSON
    of what a ``resumable`` one has done so far; such a one is resumed after its
    process ended. ``cancel_requested`` asks the owner to stop it.
    ``owner`` names the process that carries it out; the operation is its own
    until ``lease_until``, which is :data:`LEASE` seconds from now if 0.
    ``answer`` is what was answered when it had ``finished``. ``command`` and ``arguments``
    are as in :class:`Approval`, but targets are ids.
    """

    id: str
    person: str
    command_text: str
    plan: str
    approval_id: str
    channel: str
    conversation: str
    message: str
    owner: str
    started: float
    idempotency_key: str = ""
    steps: str = "{}"
    resumable: bool = False
    cancel_requested: bool = False
    lease_until: float = 0.0
    state: OperationState = "running"
    finished: float | None = None
    answer: bytes | None = None
    command: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the history: who sent what, and with what outcome.

    Events with one ``idempotency_key`` are about the same message, or operation if it is
    an operation's id. ``claimed`` is a sender that was stated, not proven. ``rule`` is
    the policy rule that decided. ``outcome`` is ``success``, ``pending``, a wire code, or
    how an operation ended without an answer (``unknown``, ``cancelled``, ``failed``).
    ``seconds`` is how long it took. ``targets`` is a JSON list of ids and names,
    ``plan_digest`` what an approval is bound to. ``kind`` says what happened, see
    :data:`~smartops.middleware.audit.KINDS`; it is empty in events of earlier versions.
    ``id`` is given by the store and grows with time.
    """

    at: float
    request_id: str
    idempotency_key: str = ""
    person: str = ""
    identity: str = ""
    claimed: str = ""
    place: str = ""
    command: str = ""
    text: str = ""
    rule: str = ""
    outcome: str = ""
    seconds: float = 0.0
    targets: str = ""
    plan_digest: str = ""
    approval_id: str = ""
    operation_id: str = ""
    kind: str = ""
    id: int = 0

    @classmethod
    def of(cls, kind: str, at: float, text: str, **columns: Any) -> AuditEvent:
        """Return an event that no message caused."""
        columns = {"request_id": secrets.token_hex(16), "outcome": "success"} | columns
        return cls(at=at, kind=kind, text=text, **columns)


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which audit events are wanted: those that meet all that is set.

    ``target`` is the id or the name of one, ``since`` and ``until`` are times. ``approval``
    and ``operation`` are ids.
    """

    person: str | None = None
    command: str | None = None
    target: str | None = None
    outcome: str | None = None
    since: float | None = None
    until: float | None = None
    kind: str | None = None
    approval: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """What a source reports: one occurrence of what its ``fingerprint`` stands for.

    It was ``received`` first and reported ``last`` at these times, ``count`` times in all, and
    fires until it is ``resolved``. ``acked_by`` is the person who works on it.
    """

    id: str
    source: str
    fingerprint: str
    started: float
    severity: str
    title: str
    text: str
    labels: Mapping[str, str]
    links: Mapping[str, str]
    received: float
    last: float
    count: int
    resolved: float | None = None
    acked_by: str = ""
    acked_at: float | None = None


@dataclass(frozen=True, slots=True)
class AlertPost:
    """What shows a ``group`` of alerts of a ``route`` in a place, until it is ``closed``.

    ``state`` is what it shows, as JSON; ``shown`` is the platform's id of it, empty while that is
    not known. It is not edited before it is ``due``. One process edits it, until ``lease_until``.
    """

    id: str
    route: str
    group: str
    place: str
    opened: float
    state: str
    shown: str = ""
    due: float = 0.0
    lease_until: float = 0.0
    closed: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that have all the values of ``matchers`` notify no place ``until`` it ends.

    ``matchers`` has values by label, with wildcards; besides labels it may have ``source`` and
    ``severity``.
    """

    id: str
    person: str
    reason: str
    matchers: Mapping[str, str]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An argument that a person was asked for; their next message there may be its value."""

    person: str
    channel: str
    conversation: str
    command_text: str
    parameter: str
    expires: float
