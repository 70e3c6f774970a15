"""Rows that were written into the database by others, or put back, have no effect."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from types import ModuleType

import anyio
import pytest

from smartops import Identity, Message, Plan, Work, command, hookimpl
from smartops.channels import Place
from smartops.store import LEASE, AuditSearch, token_key
from smartops.testing import Bot

pytestmark = pytest.mark.anyio

TOKEN = "a" * 26


class Site:
    """A bot with a change in two steps, and its database."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.done: list[str] = []
        self.between = self._nothing
        bot.settings["audit"] = {"key": bot.folder / "audit.pem"}
        module = ModuleType("sites")
        module.register_commands = hookimpl(lambda: [self._build()])  # type: ignore[attr-defined]
        bot.load(module)

    def _build(self):  # type: ignore[no-untyped-def]
        @command("build {what}", effect="change")
        async def build(work: Work, what: str) -> str:
            """Build something."""
            for step in ("dig", "pave"):
                await work.once(step, lambda step=step: self._step(f"{step} {what}"))
                await self.between()
            return f"the {what} is built"

        @build.plan
        async def plan(what: str) -> Plan:
            return Plan(f"Build the {what}")

        return build

    async def _step(self, name: str) -> str:
        self.done.append(name)
        return name

    async def _nothing(self) -> None:
        pass

    def sql(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.bot.folder / "bot.db")) as database, database:
            database.row_factory = sqlite3.Row
            return database.execute(statement, values).fetchall()

    def insert(self, table: str, row: dict[str, object]) -> None:
        marks = ", ".join("?" * len(row))
        self.sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def row(self, table: str) -> dict[str, object]:
        return dict(self.sql(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1")[0])

    async def taken_over(self) -> None:
        """Let the leases end, and start again."""
        self.sql("UPDATE operations SET lease_until = 0")
        await self.bot.restart()
        self.bot.clock.advance(LEASE)
        await self.bot.say("help")

    async def kinds(self) -> list[str]:
        store = (await self.bot.app()).store
        await store.flush()
        return [event.kind for event in await store.audit_events(AuditSearch(), 100, after=0)]


@pytest.fixture
def site(bot: Bot) -> Site:
    return Site(bot)


async def test_a_change_has_an_audit_event_for_each_decision_and_step(site: Site) -> None:
    await site.bot.confirm("build road")
    assert await site.kinds() == ["asked", "started", "step", "step", "step", "step", "finished"]
    store = (await site.bot.app()).store
    events = await store.audit_events(AuditSearch(operation=site.row("operations")["id"]), 10)
    steps = [(event.text, event.outcome) for event in events if event.kind == "step"]
    assert steps[::-1] == [
        ("build road: dig", "started"),
        ("build road: dig", "success"),
        ("build road: pave", "started"),
        ("build road: pave", "success"),
    ]


@pytest.mark.parametrize("mac", ["", "0" * 64, "copied"])
async def test_a_forged_operation_is_not_executed(site: Site, mac: str) -> None:
    await site.bot.confirm("build road")
    row = site.row("operations")
    row |= {"id": "op-forged", "approval_id": None, "idempotency_key": "", "state": "running"}
    row |= {"lease_until": 0, "steps": "{}", "resumable": 1, "answer": None, "finished": None}
    row["mac"] = row["mac"] if mac == "copied" else mac
    site.insert("operations", row)
    site.done.clear()
    await site.taken_over()
    assert site.done == []
    assert site.sql("SELECT state FROM operations WHERE id = 'op-forged'")[0]["state"] == "unknown"
    assert (await site.kinds()).count("forged") == 1


async def test_a_forged_approval_cannot_be_confirmed(site: Site) -> None:
    await site.bot.say("build road")
    approval, message = site.row("approvals"), site.row("approval_messages")
    approval |= {"id": "ap-forged", "person": "alice", "arguments": '{"what": "tunnel"}'}
    site.insert("approvals", approval)
    site.insert("approval_messages", message | {"key": token_key(TOKEN), "approval": "ap-forged"})
    reply = await site.bot.say(f"confirm_{TOKEN}")
    assert reply.code == "APPROVAL_INVALID"
    assert site.done == []
    assert "forged" in await site.kinds()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("approvals", 'arguments = \'{"what": "tunnel"}\''),
        ("approvals", "digest = 'x', command_text = 'build tunnel'"),
        ("approvals", "expires = expires + 1e9"),
        ("approval_messages", "approval = (SELECT min(id) FROM approvals)"),
    ],
)
async def test_a_changed_approval_cannot_be_confirmed(site: Site, table: str, change: str) -> None:
    asked = [(await site.bot.say(f"build {what}")).action("confirm") for what in ("road", "dam")]
    site.sql(f"UPDATE {table} SET {change}")
    replies = [(await site.bot.press(action)).status for action in asked]
    assert "error" in replies
    assert len(site.done) == 2 * replies.count("success")
    assert "forged" in await site.kinds()


async def test_a_forged_message_is_not_answered(site: Site) -> None:
    """A message in the inbox could speak for any person."""
    await site.bot.say("help")
    message = Message(
        id="m-1",
        channel="bot",
        conversation="c",
        sender=Identity("bot", "", "alice"),
        place=Place("bot"),
        at=site.bot.clock.now(),
        request_id="r-1",
        text="build road",
    )
    forged = {"key": "k", "message": message.dump(), "owner": "x", "lease_until": 0}
    site.insert("inbox", forged)
    await site.taken_over()
    assert site.sql("SELECT * FROM inbox") == []
    kinds = await site.kinds()
    assert "forged" in kinds
    assert "asked" not in kinds


async def test_a_finished_operation_that_is_put_back_is_not_executed_again(site: Site) -> None:
    await site.bot.confirm("build road")
    site.sql(
        "UPDATE operations SET state = 'running', resumable = 1, lease_until = 0, steps = '{}'"
    )
    await site.taken_over()
    assert site.done == ["dig road", "pave road"]
    assert "forged" in await site.kinds()


@pytest.mark.parametrize("finished", [True, False])
async def test_steps_that_are_put_back_are_not_done_again(site: Site, finished: bool) -> None:
    """An old row, with the MAC that it had, is put back into the database."""
    old = {}

    async def between() -> None:
        if not old:
            old.update(site.row("operations"))

    site.between = between
    await site.bot.confirm("build road")
    if not finished:  # as if the process had ended after the second step
        site.sql("DELETE FROM audit_events WHERE kind = 'finished'")
    site.sql("DELETE FROM operations")
    site.insert("operations", old | {"lease_until": 0})
    await site.taken_over()
    assert site.done == ["dig road", "pave road"]
    assert "forged" in await site.kinds()


async def test_an_operation_is_resumed_after_a_crash(site: Site) -> None:
    """The same row as above, but without the later step in the audit log."""
    crashed = anyio.Event()

    async def between() -> None:
        crashed.set()
        await anyio.sleep_forever()

    site.between = between
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_killed, site)
        await crashed.wait()
        site.between = site._nothing
        await site.taken_over()
    assert site.done == ["dig road", "pave road"]
    kinds = await site.kinds()
    assert "forged" not in kinds
    assert kinds.count("finished") == 2  # and help


async def _killed(site: Site) -> None:
    with pytest.raises(ConnectionResetError):
        await site.bot.confirm("build road")


async def test_a_confirmed_approval_that_is_put_back_is_not_executed_again(site: Site) -> None:
    action = (await site.bot.say("build road")).action("confirm")
    await site.bot.press(action)
    site.sql("UPDATE approvals SET state = 'pending'")
    site.sql("DELETE FROM operations")
    site.sql("DELETE FROM messages")
    assert (await site.bot.press(action)).code == "APPROVAL_INVALID"
    assert site.done == ["dig road", "pave road"]


async def test_a_cancelled_approval_that_is_put_back_is_not_executed(site: Site) -> None:
    asked = await site.bot.say("build road")
    await site.bot.press(asked.action("cancel"))
    site.sql("UPDATE approvals SET state = 'pending'")
    assert (await site.bot.press(asked.action("confirm"))).code == "APPROVAL_INVALID"
    assert site.done == []
    assert await site.kinds() == ["asked", "cancelled", "refused"]


async def test_rows_stay_valid_when_the_key_is_changed_with_overlap(site: Site) -> None:
    action = (await site.bot.say("build road")).action("confirm")
    await site.bot.aclose()
    key, other = site.bot.folder / "audit.pem", site.bot.folder / "other.pem"
    old = key.read_bytes()
    key.unlink()
    site.bot.settings["audit"] = {"key": other}
    await site.bot.say("help")  # makes the new key
    await site.bot.aclose()
    other.write_bytes(other.read_bytes() + old)
    assert (await site.bot.press(action)).status == "success"


async def test_rows_of_another_key_are_not_valid(site: Site) -> None:
    action = (await site.bot.say("build road")).action("confirm")
    await site.bot.aclose()
    site.bot.settings["audit"] = {"key": site.bot.folder / "other.pem"}
    assert (await site.bot.press(action)).code == "APPROVAL_INVALID"
    assert site.done == []


async def test_values_of_plugins_that_others_wrote_are_not_read(site: Site) -> None:
    store = (await site.bot.app()).store
    await store.put_fact("sites", "a", "1")
    assert await store.swap_fact("sites", "b", None, "1")
    assert await store.swap_fact("sites", "b", "1", "2")
    assert await store.facts("sites") == {"a": "1", "b": "2"}
    site.sql("UPDATE key_values SET value = '3' WHERE key = 'a'")
    site.sql("INSERT INTO key_values (name, key, value) VALUES ('sites', 'c', '1')")
    assert await store.facts("sites") == {"b": "2"}
