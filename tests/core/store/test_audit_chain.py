"""The chains of audit events, their checkpoints, and every kind of tampering."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from smartops.auth import AuditKey
from smartops.auth.audit_key import verifier
from smartops.store import AuditEvent, Checkpoint, Store, split_notes, verify_audit_log
from smartops.store.chain import COLUMNS, NUMBERS, canonical
from smartops.store.database import database
from smartops.store.seal import _COVERED
from smartops.store.tables import audit_checkpoints, audit_events, audit_targets, metadata
from smartops.testing import ManualClock

pytestmark = pytest.mark.anyio

TARGETS = json.dumps([{"id": "i-1", "name": "web-1"}])


class Log:
    """A store whose audit events are chained and whose checkpoints are signed."""

    def __init__(self, url: str, clock: ManualClock, folder: Path) -> None:
        self.url, self.clock, self.file = url, clock, folder / "checkpoints.txt"
        self.key = AuditKey(folder / "audit.pem")
        self.number = 0

    async def open(self) -> Store:
        return await Store.open(
            self.url, self.clock, retention=1000, signer=self.key, checkpoint_file=self.file
        )

    def add(self, store: Store, count: int, **values: object) -> None:
        for _ in range(count):
            self.number += 1
            event = AuditEvent(
                at=self.clock.time(),
                request_id=f"request-{self.number}",
                person="alice",
                command="stop",
                text=f'stop "web-{self.number}"',
                outcome="success",
                targets=TARGETS,
                seconds=0.25,
            )
            store.add_audit_event(replace(event, **values))

    def findings(self, *held: str, trusted: AuditKey | None = None) -> list[str]:
        valid = verifier((trusted or self.key).public)

        def trusts(checkpoint: Checkpoint) -> bool:
            return valid(checkpoint.content.encode(), checkpoint.signature)

        return verify_audit_log(self.url, trusts, held).findings

    def tamper(self, *statements: str, **values: object) -> None:
        opened = database(self.url)
        with opened.writer.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)
        opened.dispose()

    def notes(self) -> list[str]:
        return split_notes(self.file.read_text())


@pytest.fixture
async def log(url: str, clock: ManualClock, tmp_path: Path) -> Log:
    """A log of two processes with four checkpoints; the last events are in none."""
    made = Log(url, clock, tmp_path)
    one, other = await made.open(), await made.open()
    for _ in range(2):
        made.add(one, 3)
        await one.checkpoint()
        made.add(other, 2)
        await other.checkpoint()
    made.add(one, 2)
    await one.aclose()
    await other.aclose()
    return made


async def test_an_untouched_log_is_verified(log: Log) -> None:
    report = verify_audit_log(log.url, None)
    assert (report.events, report.chains, report.checkpoints) == (12, 2, 4)
    assert log.findings() == []
    assert log.findings(*log.notes()) == []


async def test_a_checkpoint_without_new_events_is_not_written(log: Log) -> None:
    store = await log.open()
    await store.checkpoint()
    assert len(log.notes()) == 5
    await store.checkpoint()
    assert len(log.notes()) == 5
    await store.aclose()
    assert log.findings(*log.notes()) == []


def _insert(columns: str = "") -> str:
    names = [column.name for column in audit_events.columns if column.name != "id"]
    chosen = dict(zip(names, names, strict=True)) | dict(
        pair.split("=", 1) for pair in columns.split(";") if pair
    )
    return (
        f"INSERT INTO audit_events (id, {', '.join(chosen)}) "
        f"SELECT 100, {', '.join(chosen.values())} FROM audit_events WHERE id = 4"
    )


SWAP = (
    "UPDATE audit_events SET id = -1 WHERE id = 2",
    "UPDATE audit_events SET id = 2 WHERE id = 3",
    "UPDATE audit_events SET id = 3 WHERE id = -1",
)
TAMPERINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "an event removed": (("DELETE FROM audit_events WHERE id = 2",), "are missing before it"),
    "the first events removed": (("DELETE FROM audit_events WHERE id < 4",), "missing before it"),
    "an event copied": ((_insert(),), "inserted or moved"),
    "an event inserted with the next number": ((_insert("seq=5"),), "changed"),
    "an event inserted in a chain of its own": (
        (_insert("chain='1-00000000000000aa';seq=1"),),
        "changed",
    ),
    "an event inserted without a chain": ((_insert("chain='';seq=0"),), "belongs to no chain"),
    "two events exchanged": (SWAP, "missing before it"),
    "an event moved to the end": (
        ("UPDATE audit_events SET id = 100 WHERE id = 2",),
        "missing before it",
    ),
    "the end cut behind the last checkpoint": (
        ("DELETE FROM audit_events WHERE id > 8",),
        "the end was cut",
    ),
    "a whole chain removed": (
        ("DELETE FROM audit_events WHERE chain = (SELECT chain FROM audit_events WHERE id = 4)",),
        "the end was cut",
    ),
    "all events removed": (("DELETE FROM audit_events",), "the end was cut"),
    "a hash changed": (("UPDATE audit_events SET hash = NULL WHERE id = 2",), "changed"),
    "a checkpoint removed": (("DELETE FROM audit_checkpoints WHERE number = 2",), "2 is missing"),
    "all checkpoints removed": (("DELETE FROM audit_checkpoints",), "there is no checkpoint"),
    "a checkpoint changed": (
        ("UPDATE audit_checkpoints SET note = replace(note, '+00:00', '+01:00') WHERE number = 2",),
        "does not follow",
    ),
    "the last checkpoint changed": (
        ("UPDATE audit_checkpoints SET note = replace(note, '+00:00', '+01:00') WHERE number = 4",),
        "no valid signature",
    ),
    "a target removed from the search": (("DELETE FROM audit_targets WHERE event = 2",), "event 2"),
    "a target added to the search": (
        ("INSERT INTO audit_targets (target, event) VALUES ('web-9', 100)",),
        "event 100 is not what a search",
    ),
}


@pytest.mark.parametrize("kind", TAMPERINGS)
async def test_tampering_is_found(log: Log, kind: str) -> None:
    statements, finding = TAMPERINGS[kind]
    log.tamper(*statements)
    found = log.findings()
    assert any(finding in item for item in found), found


async def test_a_change_in_any_column_is_found(log: Log) -> None:
    log.tamper("CREATE TABLE saved AS SELECT * FROM audit_events WHERE id = 5")
    for column in COLUMNS:
        new = "'1-00000000000000aa'" if column == "chain" else "'[]'" if column in TEXTS else "7"
        log.tamper(f"UPDATE audit_events SET {column} = {new} WHERE id = 5")
        assert log.findings() != [], column
        log.tamper(
            "DELETE FROM audit_events WHERE id = 5", "INSERT INTO audit_events SELECT * FROM saved"
        )
    log.tamper("DROP TABLE saved")
    assert log.findings() == []


async def test_a_log_rewritten_without_the_key_is_found(log: Log, tmp_path: Path) -> None:
    """With write access to the database all hashes can be made anew, but not the signatures."""
    held = log.notes()
    opened = database(log.url)
    with opened.writer.begin() as connection:
        connection.execute(audit_events.delete())
        connection.execute(audit_targets.delete())
        connection.execute(audit_checkpoints.delete())
    opened.dispose()
    forged = Log(log.url, log.clock, tmp_path / "forged")
    store = await forged.open()
    forged.add(store, 12, person="bob")
    await store.checkpoint()
    await store.aclose()
    assert forged.findings() == []
    assert "no valid signature" in log.findings()[0]
    assert any("rewritten" in item for item in log.findings(*held))


async def test_a_cut_end_is_found_by_a_checkpoint_held_elsewhere(log: Log) -> None:
    """The events and checkpoints of the end are removed together: only the copy shows it."""
    log.tamper(
        "DELETE FROM audit_events WHERE id > 3",
        "DELETE FROM audit_targets WHERE event > 3",
        "DELETE FROM audit_checkpoints WHERE number > 1",
    )
    assert log.findings() == []
    assert "the end was cut" in log.findings(log.notes()[-1])[0]


async def test_an_old_copy_is_found_by_a_checkpoint_held_elsewhere(
    clock: ManualClock, tmp_path: Path
) -> None:
    log = Log(f"sqlite:///{tmp_path / 'log.db'}", clock, tmp_path)
    for number in range(2):
        store = await log.open()
        log.add(store, 3)
        await store.checkpoint()
        await store.aclose()
        if number == 0:
            shutil.copy(tmp_path / "log.db", tmp_path / "old.db")
    shutil.copy(tmp_path / "old.db", tmp_path / "log.db")
    assert log.findings() == []
    assert "an older copy was restored" in log.findings(*log.notes())[0]
    store = await log.open()  # and it is used again
    log.add(store, 3)
    await store.checkpoint()
    await store.aclose()
    assert any("rewritten" in item for item in log.findings(*log.notes()[:2]))


async def test_the_log_is_verified_after_retention(log: Log) -> None:
    store = await log.open()
    log.clock.advance(900)
    log.add(store, 3)
    await store.checkpoint()
    held = log.notes()
    log.clock.advance(200)
    await store.sweep(log.clock.time())
    log.add(store, 1)
    await store.checkpoint()
    await store.aclose()
    assert verify_audit_log(log.url, None).events == 4
    assert log.findings(*held) == []
    log.tamper("DELETE FROM audit_events WHERE id = (SELECT min(id) FROM audit_events)")
    assert any("missing before it" in item for item in log.findings())


async def test_events_of_the_future_do_not_delay_retention(log: Log) -> None:
    """The clock was ahead once; later events are past their retention."""
    store = await log.open()
    log.clock.advance(2000)
    await store.sweep(log.clock.time())
    log.add(store, 1200, at=log.clock.time() + 1e9)
    log.add(store, 3)
    await store.checkpoint()
    log.clock.advance(1100)
    log.add(store, 2)
    while await store.sweep(log.clock.time()):
        pass
    await store.checkpoint()
    await store.aclose()
    assert verify_audit_log(log.url, None).events == 2
    assert log.findings() == []


async def test_events_of_a_failed_transaction_leave_no_gap(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing transaction is repeated write by write; the events continue in a new chain."""
    store = await log.open()
    log.add(store, 1)
    await store.checkpoint()

    def fails(connection: Connection) -> None:
        raise ValueError("on purpose")

    log.add(store, 2)
    with pytest.raises(ValueError, match="on purpose"):
        await store._writer.write(fails)
    log.add(store, 1)
    await store.checkpoint()
    await store.aclose()
    assert log.findings() == []
    assert verify_audit_log(log.url, None).events == 16


def test_each_table_is_authenticated_or_verified_or_has_no_effect() -> None:
    """A new table belongs into one of these, and into the attacks on its rows."""
    verified = {"audit_events", "audit_targets", "audit_checkpoints", "revoked"}
    without_effect = {"pulse", "alerts", "alert_posts", "silences"}
    assert set(metadata.tables) == set(_COVERED) | verified | without_effect


PLAIN = st.text(max_size=30)
TEXTS = [name for name in COLUMNS if name not in (*NUMBERS, "kind")]


@given(
    texts=st.lists(PLAIN, min_size=len(TEXTS), max_size=len(TEXTS)),
    kind=st.sampled_from(["", "step"]),
)
def test_the_content_is_canonical_json(texts: list[str], kind: str) -> None:
    members = dict(zip(TEXTS, texts, strict=True)) | {"kind": kind, "seq": 7}
    members |= {"at": 1_800_000_000_250_000, "seconds": 500_000}
    row = tuple(members[name] for name in COLUMNS)
    if not kind:
        del members["kind"]
    try:
        expected = json.dumps(
            members, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    except UnicodeEncodeError:  # the store writes no lone surrogates
        return
    assert canonical(row) == expected


def test_the_content_of_an_event_is_as_in_earlier_versions() -> None:
    members = {name: name.upper() for name in TEXTS} | {"kind": "", "targets": TARGETS, "seq": 7}
    members |= {"at": 1_800_000_000.25 * 1e6, "seconds": 0.5 * 1e6}
    assert canonical(tuple(members[name] for name in COLUMNS)) == (
        b'{"approval_id":"APPROVAL_ID","at":1800000000250000,"chain":"CHAIN","claimed":"CLAIMED",'
        b'"command":"COMMAND","idempotency_key":"IDEMPOTENCY_KEY","identity":"IDENTITY",'
        b'"operation_id":"OPERATION_ID","outcome":"OUTCOME","person":"PERSON","place":"PLACE",'
        b'"plan_digest":"PLAN_DIGEST","request_id":"REQUEST_ID","rule":"RULE","seconds":500000,'
        b'"seq":7,"targets":"[{\\"id\\": \\"i-1\\", \\"name\\": \\"web-1\\"}]","text":"TEXT"}'
    )
