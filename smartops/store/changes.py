"""Approvals and operations: a change is accepted once, and always comes to an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from sqlalchemy import Connection, RowMapping, Select, exists, insert, select, update

from .rows import Approval, ApprovalState, Operation, OperationState
from .tables import approvals, operations
from .transaction import Act, each

_APPROVAL = [field.name for field in fields(Approval) if field.name != "id"]
_OPERATION = [field.name for field in fields(Operation) if field.name != "approval_id"]


@dataclass(frozen=True, slots=True)
class Begun:
    """An operation that begins, and the key of the approval it follows from, if any."""

    operation: Operation
    key: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a pending approval; an operation begins if it is confirmed."""

    key: str
    now: float
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How an operation ended."""

    id: str
    state: OperationState
    now: float
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """Who takes over, and until when it is theirs."""

    owner: str
    now: float
    until: float


@dataclass(frozen=True, slots=True)
class Steps:
    """What an operation has done so far, as JSON."""

    id: str
    steps: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Where an approval is asked for."""

    key: str
    shown: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when that which an owner carries out is its own."""

    owner: str
    until: float


def _add(connection: Connection, approval: Approval) -> None:
    connection.execute(insert(approvals), {name: getattr(approval, name) for name in _APPROVAL})


def _accept(connection: Connection, decision: Decision) -> bool:
    """Use the approval up and begin the operation, both or neither.

    Done again after a commit of which nobody knows, it finds its own operation.
    """
    assert decision.operation is not None
    if _decide(connection, decision, "confirmed"):
        _insert(connection, decision.operation, decision.key)
        return True
    return _begun_already(connection, decision.operation, decision.key)


def _cancel(connection: Connection, decision: Decision) -> bool:
    return _decide(connection, decision, "cancelled")


def _decide(connection: Connection, decision: Decision, state: ApprovalState) -> bool:
    statement = (
        update(approvals)
        .where(approvals.c.key == decision.key, approvals.c.state == "pending")
        .where(approvals.c.expires > decision.now)
        .values(state=state)
    )
    return connection.execute(statement).rowcount == 1


def _begin(connection: Connection, begun: Begun) -> None:
    if not _begun_already(connection, begun.operation, begun.key):
        _insert(connection, begun.operation, begun.key)


def _begun_already(connection: Connection, operation: Operation, key: str | None) -> bool:
    mine = exists().where(
        operations.c.id == operation.id,
        operations.c.owner == operation.owner,
        operations.c.approval_key.is_not_distinct_from(key),
    )
    return bool(connection.execute(select(mine)).scalar())


def _insert(connection: Connection, operation: Operation, key: str | None) -> None:
    row = {name: getattr(operation, name) for name in _OPERATION}
    connection.execute(insert(operations), {**row, "approval_key": key})


def _finish(connection: Connection, end: End) -> bool:
    """End it. What was given up as unknown may still turn out otherwise; nothing else does."""
    statement = (
        update(operations)
        .where(operations.c.id == end.id)
        .where(operations.c.state.in_(("running", "unknown", end.state)))
        .values(state=end.state, finished=end.now, answer=end.answer)
    )
    return connection.execute(statement).rowcount == 1


def _renew(connection: Connection, lease: Lease) -> int:
    statement = (
        update(operations)
        .where(operations.c.owner == lease.owner, operations.c.state == "running")
        .values(lease_until=lease.until)
    )
    return connection.execute(statement).rowcount


def _adopt(connection: Connection, adoption: Adoption) -> Sequence[Operation]:
    """Take over what nobody carries out any more. Each is returned to one caller only."""
    found: list[Operation] = []
    for resumable, fate in (
        (False, {"state": "unknown", "finished": adoption.now}),
        (True, {"owner": adoption.owner, "lease_until": adoption.until}),
    ):
        lapsed = (
            select(operations.c.id)
            .where(operations.c.state == "running", operations.c.lease_until <= adoption.now)
            .where(operations.c.resumable == resumable)
            .with_for_update(skip_locked=True)
        )
        statement = update(operations).where(operations.c.id.in_(lapsed)).values(fate)
        rows = connection.execute(statement.returning(operations)).mappings()
        found.extend(map(operation_of, rows))
    return sorted(found, key=attrgetter("started"))


def _keep_steps(connection: Connection, steps: Steps) -> None:
    statement = update(operations).where(operations.c.id == steps.id).values(steps=steps.steps)
    connection.execute(statement)


def _yield(connection: Connection, id: str) -> None:
    running = (operations.c.id == id) & (operations.c.state == "running")
    connection.execute(update(operations).where(running).values(lease_until=0.0))


def _request_cancel(connection: Connection, id: str) -> bool:
    running = (operations.c.id == id) & (operations.c.state == "running")
    statement = update(operations).where(running).values(cancel_requested=True)
    return connection.execute(statement).rowcount == 1


def _shown(connection: Connection, shown: Shown) -> None:
    statement = update(approvals).where(approvals.c.key == shown.key).values(shown=shown.shown)
    connection.execute(statement)


ADD: Act[Approval, None] = each("approval", _add, repeatable=False)
ACCEPT: Act[Decision, bool] = each("accept", _accept)
CANCEL: Act[Decision, bool] = each("cancel", _cancel, repeatable=False)
BEGIN: Act[Begun, None] = each("begin", _begin)
FINISH: Act[End, bool] = each("finish", _finish)
RENEW: Act[Lease, int] = each("renew", _renew)
ADOPT: Act[Adoption, Sequence[Operation]] = each("adopt", _adopt, repeatable=False)
STEPS: Act[Steps, None] = each("steps", _keep_steps)
YIELD: Act[str, None] = each("yield", _yield)
REQUEST_CANCEL: Act[str, bool] = each("cancel request", _request_cancel)
SHOWN: Act[Shown, None] = each("shown", _shown)


def approval_of(row: RowMapping, id: str, now: float) -> Approval:
    """Return the approval in a row; one that is pending may have expired by ``now``."""
    values = {name: row[name] for name in _APPROVAL}
    if values["state"] == "pending" and values["expires"] <= now:
        values["state"] = "expired"
    return Approval(id=id, **values)


def operation_of(row: RowMapping) -> Operation:
    """Return the operation in a row."""
    values = {name: row[name] for name in _OPERATION}
    return Operation(approval_id=row["approval_key"] or "", **values)


def pending_of(person: str, conversation: str, now: float) -> Select[tuple[object, ...]]:
    """Return the query for what waits for a person's decision in a conversation."""
    return (
        select(approvals)
        .where(approvals.c.person == person, approvals.c.conversation == conversation)
        .where(approvals.c.state == "pending", approvals.c.expires > now)
        .order_by(approvals.c.expires)
    )


def operations_of(
    person: str | None, state: OperationState | None, limit: int
) -> Select[tuple[object, ...]]:
    """Return the query for operations, newest first."""
    query = select(operations).order_by(operations.c.started.desc(), operations.c.id).limit(limit)
    if person is not None:
        query = query.where(operations.c.person == person)
    if state is not None:
        query = query.where(operations.c.state == state)
    return query
