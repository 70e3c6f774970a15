"""Approvals and operations: a change is accepted once, and always comes to an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from operator import attrgetter

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    exists,
    insert,
    select,
    update,
)

from .rows import Approval, ApprovalState, Operation, OperationState, Showing
from .tables import approvals, operations, showings
from .transaction import Act, each

_OPERATION = [field.name for field in fields(Operation)]


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval, and the message that asks for it."""

    approval: Approval
    showing: Showing


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a pending approval; an operation begins if it is confirmed."""

    approval: str
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
    """What an operation has done so far, as JSON, according to who carries it out."""

    id: str
    owner: str
    steps: str
    resumable: bool


@dataclass(frozen=True, slots=True)
class Yielding:
    """An operation, and who carries it out no longer."""

    id: str
    owner: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The platform's id of a message that shows an approval."""

    key: str
    shown: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when that which an owner carries out or answers is its own."""

    owner: str
    until: float
    keys: Sequence[str]


def _add(connection: Connection, asked: Asked) -> None:
    connection.execute(insert(approvals), asdict(asked.approval))
    _show(connection, asked.showing)


def _show(connection: Connection, showing: Showing) -> None:
    connection.execute(insert(showings), asdict(showing))


def _accept(connection: Connection, decision: Decision) -> bool:
    """Use the approval up and begin the operation, both or neither.

    Done again after a commit of which nobody knows, it finds its own operation.
    """
    assert decision.operation is not None
    if _decide(connection, decision, "confirmed"):
        _insert(connection, decision.operation)
        return True
    return _begun_already(connection, decision.operation)


def _cancel(connection: Connection, decision: Decision) -> bool:
    return _decide(connection, decision, "cancelled")


def _decide(connection: Connection, decision: Decision, state: ApprovalState) -> bool:
    statement = (
        update(approvals)
        .where(approvals.c.id == decision.approval, approvals.c.state == "pending")
        .where(approvals.c.expires > decision.now)
        .values(state=state)
    )
    return connection.execute(statement).rowcount == 1


def _begin(connection: Connection, operation: Operation) -> None:
    if not _begun_already(connection, operation):
        _insert(connection, operation)


def _begun_already(connection: Connection, operation: Operation) -> bool:
    mine = exists().where(
        operations.c.id == operation.id,
        operations.c.owner == operation.owner,
        operations.c.approval_id.is_not_distinct_from(operation.approval_id or None),
    )
    return bool(connection.execute(select(mine)).scalar())


def _insert(connection: Connection, operation: Operation) -> None:
    row = {**asdict(operation), "approval_id": operation.approval_id or None}
    connection.execute(insert(operations), row)


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
    """Extend the leases that are held; one that was yielded is not taken back."""
    statement = (
        update(operations)
        .where(operations.c.owner == lease.owner, operations.c.state == "running")
        .where(operations.c.lease_until > 0, operations.c.id.in_(lease.keys))
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


def _keep_steps(connection: Connection, steps: Steps) -> bool:
    """Keep them, unless another process has gone on from what was kept before."""
    kept = {"steps": steps.steps, "resumable": steps.resumable}
    statement = update(operations).where(_carried(steps)).values(kept)
    return connection.execute(statement).rowcount == 1


def _yield(connection: Connection, yielding: Yielding) -> None:
    connection.execute(update(operations).where(_carried(yielding)).values(lease_until=0.0))


def _carried(by: Steps | Yielding) -> ColumnElement[bool]:
    columns = operations.c
    return and_(columns.id == by.id, columns.owner == by.owner, columns.state == "running")


def _request_cancel(connection: Connection, id: str) -> bool:
    running = (operations.c.id == id) & (operations.c.state == "running")
    statement = update(operations).where(running).values(cancel_requested=True)
    return connection.execute(statement).rowcount == 1


def _shown(connection: Connection, shown: Shown) -> None:
    statement = update(showings).where(showings.c.key == shown.key).values(shown=shown.shown)
    connection.execute(statement)


ADD: Act[Asked, None] = each("approval", _add, repeatable=False)
SHOW: Act[Showing, None] = each("showing", _show, repeatable=False)
ACCEPT: Act[Decision, bool] = each("accept", _accept)
CANCEL: Act[Decision, bool] = each("cancel", _cancel, repeatable=False)
BEGIN: Act[Operation, None] = each("begin", _begin)
FINISH: Act[End, bool] = each("finish", _finish)
RENEW: Act[Lease, int] = each("renew", _renew)
ADOPT: Act[Adoption, Sequence[Operation]] = each("adopt", _adopt, repeatable=False)
STEPS: Act[Steps, bool] = each("steps", _keep_steps)
YIELD: Act[Yielding, None] = each("yield", _yield)
REQUEST_CANCEL: Act[str, bool] = each("cancel request", _request_cancel)
SHOWN: Act[Shown, None] = each("shown", _shown)


def approval_of(row: RowMapping, now: float) -> Approval:
    """Return the approval in a row; one that is pending may have expired by ``now``."""
    found = Approval(**row)
    if found.state == "pending" and found.expires <= now:
        return replace(found, state="expired")
    return found


def operation_of(row: RowMapping) -> Operation:
    """Return the operation in a row."""
    values = {name: row[name] for name in _OPERATION}
    return Operation(**{**values, "approval_id": values["approval_id"] or ""})


def approval_behind(key: str) -> Select[tuple[object, ...]]:
    """Return the query for the approval that a button's token stands for."""
    return (
        select(approvals)
        .join(showings, showings.c.approval == approvals.c.id)
        .where(showings.c.key == key)
    )


def pending_of(person: str, now: float) -> Select[tuple[object, ...]]:
    """Return the query for what waits for a person's decision, soonest to expire first."""
    return (
        select(approvals)
        .where(approvals.c.person == person)
        .where(approvals.c.state == "pending", approvals.c.expires > now)
        .order_by(approvals.c.expires)
    )


def shown_in(channel: str, conversation: str) -> Select[tuple[str]]:
    """Return the query for the approvals that are shown in a conversation."""
    there = showings.c.channel == channel, showings.c.conversation == conversation
    return select(showings.c.approval).where(*there)


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
