"""The way of a message through the real gate, on a real store, with time by hand."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from types import ModuleType
from typing import Any

import anyio
import pytest

from smartops import (
    BackendUnavailable,
    Call,
    Change,
    Code,
    PermissionDenied,
    Plan,
    Table,
    command,
    hookimpl,
)
from smartops.channels import plain
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


class Door:
    """A door to open, which counts its moves and plans."""

    def __init__(self) -> None:
        self.state = "shut"
        self.moves = 0
        self.moved = anyio.Event()
        self.plans = 0
        self.error: Exception | None = None
        self.asleep = False

    def plugin(self) -> ModuleType:
        door = self

        @command("open door [{which}]", effect="change", deadline=timedelta(seconds=30))
        async def open_door(call: Call, which: str = "front") -> str:
            """Open the door."""
            door.moves += 1
            door.moved.set()
            if door.asleep:
                await anyio.sleep_forever()
            if door.error is not None:
                raise door.error
            door.state = "open"
            return f"The {which} door is open"

        @open_door.plan
        async def plan(which: str) -> Plan:
            door.plans += 1
            return Plan(f"Open the {which} door", (Change(which, which, door.state, "open"),))

        @command("look")
        async def look() -> str:
            """Look at the door."""
            if door.error is not None:
                raise door.error
            return f"The door is {door.state}"

        module = ModuleType("doors")
        module.register_commands = hookimpl(lambda: [open_door, look])  # type: ignore[attr-defined]
        return module


@pytest.fixture
def door(bot: Bot) -> Door:
    door = Door()
    bot.load(door.plugin())
    return door


async def test_a_read_runs_without_approval(bot: Bot, door: Door) -> None:
    answer = await bot.say("look")
    assert (answer.status, answer.text) == ("success", "The door is shut")


async def test_a_change_is_planned_confirmed_and_executed(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    assert asked.status == "pending"
    assert "Open the front door" in asked.text
    assert "shut" in asked.text
    assert door.moves == 0
    done = await bot.press(asked.action("confirm"))
    assert (done.status, done.text) == ("success", "The front door is open")
    assert (door.state, door.moves) == ("open", 1)


async def test_a_token_can_be_typed(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    assert (await bot.say(f"  {asked.action('confirm').value} ")).status == "success"
    assert door.moves == 1


async def test_an_approval_is_used_once(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    await bot.press(asked.action("confirm"))
    again = await bot.press(asked.action("confirm"))
    assert (again.code, door.moves) == ("APPROVAL_INVALID", 1)
    assert (await bot.press(asked.action("cancel"))).code == "APPROVAL_INVALID"


async def test_two_clicks_at_once_have_one_effect(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    codes = []

    async def click() -> None:
        codes.append((await bot.press(asked.action("confirm"))).code)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(click)
    assert sorted(codes) == ["", *["APPROVAL_INVALID"] * 4]
    assert door.moves == 1


async def test_a_click_of_an_unknown_person_has_no_effect(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    for button in ("confirm", "cancel"):
        stranger = await bot.press(asked.action(button), user="mallory")
        assert (stranger.code, door.moves) == ("APPROVAL_INVALID", 0)
    assert (await bot.press(asked.action("confirm"))).status == "success"


async def test_only_the_person_who_asked_can_confirm(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    foreign = await bot.press(asked.action("confirm"), user="mallory")
    assert foreign.text.startswith("Only bot:alice can confirm this")
    guessed = await bot.say("confirm_" + "a" * 26, user="mallory")
    assert guessed.text.startswith("This confirmation is not valid")
    assert {foreign.code, guessed.code} == {"APPROVAL_INVALID"}
    assert door.moves == 0


async def test_the_button_cancels_an_approval(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    assert "Nothing was changed" in (await bot.press(asked.action("cancel"))).text
    assert (await bot.press(asked.action("confirm"))).code == "APPROVAL_INVALID"
    assert door.moves == 0


async def test_the_command_cancels_an_approval(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    assert (await bot.say("cancel", conversation="elsewhere")).code == "VALIDATION_ERROR"
    assert (await bot.say("cancel")).status == "success"
    assert (await bot.press(asked.action("confirm"))).code == "APPROVAL_INVALID"
    assert (await bot.say("cancel")).code == "VALIDATION_ERROR"


async def test_two_approvals_are_independent(bot: Bot, door: Door) -> None:
    front = await bot.say("open door side")
    back = await bot.say("open door back")
    assert (await bot.say("cancel")).code == "VALIDATION_ERROR"  # which of the two?
    cancel_front = front.action("cancel").value
    assert "side" in (await bot.say(f"cancel {cancel_front}")).text
    door.state = "shut"
    assert (await bot.press(back.action("confirm"))).text == "The back door is open"


async def test_one_of_several_approvals_is_cancelled_by_its_id(bot: Bot, door: Door) -> None:
    await bot.say("open door side")
    await bot.say("open door back")
    which = await bot.say("cancel")
    (line,) = (line for line in which.text.splitlines() if "side" in line)
    command, _, about = line.strip().partition(": ")
    assert about == "open door side"
    assert "Cancelled: open door side" in (await bot.say(command)).text
    assert "Cancelled: open door back" in (await bot.say("cancel")).text
    assert door.moves == 0


async def test_a_pending_approval_is_confirmed_from_another_conversation(
    bot: Bot, door: Door
) -> None:
    asked = await bot.say("open door", conversation="here")
    bot.clock.advance(5 * 60)
    again = await bot.say("approvals", conversation="there")
    assert (again.status, again.reply.private) == ("pending", True)
    assert (again.data["plan"], again.data["expiresIn"]) == (asked.data["plan"], 600)
    for shown in ("Open the front door", "shut", "open door", "within 10 minutes"):
        assert shown in again.text
    assert again.action("confirm") != asked.action("confirm")
    done = await bot.press(again.action("confirm"), conversation="there")
    assert (done.text, door.moves) == ("The front door is open", 1)
    for late in (asked, again):
        assert (await bot.press(late.action("confirm"))).code == "APPROVAL_INVALID"
    assert "no pending confirmations" in (await bot.say("approvals")).text
    assert door.moves == 1


async def test_a_list_of_approvals_is_limited(bot: Bot, door: Door) -> None:
    for number in range(12):
        await bot.say("open door side", conversation=f"room-{number}")
    listed = await bot.say("approvals")
    assert [len(item["channels"]) for item in listed.data["approvals"]] == [1] * 10
    assert len((await bot.say("approvals --limit 100")).data["approvals"]) == 12
    assert (await bot.say("approvals --limit 1000")).code == "VALIDATION_ERROR"


async def test_several_pending_approvals_are_listed(bot: Bot, door: Door) -> None:
    await bot.say("open door side", conversation="here")
    await bot.say("open door back", conversation="there")
    listed = await bot.say("approvals", conversation="elsewhere")
    assert [item["command"] for item in listed.data["approvals"]] == [
        "open door side",
        "open door back",
    ]
    assert listed.status == "success"
    names = [item["approval"] for item in listed.data["approvals"]]
    assert [action.label for action in listed.reply.actions] == [f"Show {item}" for item in names]
    name = names[1]
    back = await bot.say(f"approvals {name}")
    assert "back door" in back.text
    assert "side" not in back.text
    by_button = await bot.press(listed.reply.actions[0])
    assert "side door" in by_button.text
    await bot.press(back.action("cancel"))
    gone = await bot.say(f"approvals {name}")
    assert (gone.code, name in gone.text) == ("VALIDATION_ERROR", True)
    assert door.moves == 0


async def test_another_person_cannot_see_or_decide_an_approval(bot: Bot, door: Door) -> None:
    await bot.say("open door side")
    await bot.say("open door back")
    name = (await bot.say("approvals")).data["approvals"][0]["approval"]
    assert "no pending confirmations" in (await bot.say("approvals", user="mallory")).text
    for text in (f"approvals {name}", f"cancel {name}"):
        refused = await bot.say(text, user="mallory")
        unknown = await bot.say(text.replace(name, "ap-000000000000"), user="mallory")
        assert refused.text.replace(name, "ap-000000000000") == unknown.text
    assert (await bot.say(f"cancel {name}")).status == "success"


async def test_an_approval_expires(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    bot.clock.advance(15 * 60 + 1)
    late = await bot.press(asked.action("confirm"))
    assert (late.code, door.moves) == ("APPROVAL_INVALID", 0)
    assert "expired" in late.text


async def test_an_approval_survives_a_restart_and_is_used_once(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    await bot.aclose()
    assert (await bot.press(asked.action("confirm"))).status == "success"
    await bot.aclose()
    assert (await bot.press(asked.action("confirm"))).code == "APPROVAL_INVALID"
    assert door.moves == 1


async def test_a_confirmation_is_refused_if_the_plan_has_changed(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    door.state = "ajar"
    changed = await bot.press(asked.action("confirm"))
    assert (changed.code, door.moves) == ("APPROVAL_INVALID", 0)
    assert "has changed" in changed.text


async def test_a_confirmation_is_authorised_again(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    await bot.aclose()
    bot.settings["rules"] = [{"name": "look-only", "allow": {"commands": ["look"]}}]
    refused = await bot.press(asked.action("confirm"))
    assert refused.status == "error"
    assert door.moves == 0


async def test_a_duplicate_message_has_one_effect(bot: Bot, door: Door) -> None:
    first = await bot.say("open door", id="act-1")
    second = await bot.say("open door", id="act-1")
    assert second.text == first.text
    click = first.action("confirm")
    assert (await bot.press(click, id="act-2")).status == "success"
    assert (await bot.press(click, id="act-2")).text == "The front door is open"
    await bot.aclose()
    assert (await bot.press(click, id="act-2")).text == "The front door is open"
    for message, action in (("act-3", click), ("act-4", second.action("confirm"))):
        assert (await bot.press(action, id=message)).code == "APPROVAL_INVALID"
    assert not (await bot.say("open door", id="act-1")).reply.actions
    assert door.moves == 1


async def test_the_store_has_no_usable_token_and_a_duplicate_gets_a_new_one(
    bot: Bot, door: Door
) -> None:
    first = await bot.say("open door", id="act-1")
    await bot.say("approvals", id="act-2")
    stored = (await (await bot.app()).store.answer(key) for key in await keys(bot))
    answers = b"".join([item or b"" async for item in stored])
    assert b"Confirmation required" in answers
    assert b"confirm_" not in answers
    await bot.aclose()
    again = await bot.say("open door", id="act-1")
    assert again.action("confirm") != first.action("confirm")
    assert (await bot.press(again.action("confirm"))).status == "success"


async def keys(bot: Bot) -> list[str]:
    await (await bot.app()).store.flush()
    with closing(sqlite3.connect(bot.folder / "bot.db")) as database:
        return [key for (key,) in database.execute("SELECT key FROM messages")]


async def test_the_same_id_in_another_conversation_is_another_message(bot: Bot, door: Door) -> None:
    first = await bot.say("open door", id="1", conversation="here")
    second = await bot.say("open door", id="1", conversation="there")
    assert second.action("confirm") != first.action("confirm")


async def test_an_unknown_person_learns_only_their_identity(bot: Bot, door: Door) -> None:
    bot.settings["guests"] = []
    for text in ("help", "look", "whoami", "nonsense", "confirm_" + "a" * 26):
        answer = await bot.say(text)
        assert answer.code == "PERMISSION_DENIED"
        assert "bot:alice" in answer.text
        assert "door" not in answer.text


async def test_a_command_without_permission_is_not_suggested(bot: Bot, door: Door) -> None:
    bot.settings["rules"] = [{"name": "look-only", "allow": {"commands": ["look"]}}]
    refused = await bot.say("opn door")
    assert (refused.code, "open door" in refused.text) == ("VALIDATION_ERROR", False)
    assert "open door" not in (await bot.say("help")).text
    assert (await bot.say("open door")).status == "error"
    assert (door.moves, door.plans) == (0, 0)


async def test_a_denial_names_the_rule(bot: Bot, door: Door) -> None:
    bot.settings["rules"] = [
        {"name": "all", "allow": {"roles": ["operator"]}},
        {
            "name": "back-is-private",
            "deny": {"commands": ["open door"], "arguments": {"which": ["back"]}},
        },
    ]
    denied = await bot.say("open door back")
    assert (denied.code, door.plans) == ("PERMISSION_DENIED", 0)
    assert "back-is-private" in denied.text
    assert (await bot.say("open door front")).status == "pending"


async def test_exception_text_is_not_in_the_reply(bot: Bot, door: Door, caplog: Any) -> None:
    door.error = RuntimeError("password=hunter2")
    answer = await bot.say("look")
    assert (answer.code, "hunter2" in answer.text) == ("INTERNAL_ERROR", False)
    assert answer.reply.request_id in answer.text
    assert "hunter2" in caplog.text


async def test_a_change_refused_by_the_backend_fails(bot: Bot, door: Door) -> None:
    door.error = PermissionDenied("The cloud says no", details="Required right: door:open")
    answer = await bot.confirm("open door")
    assert answer.code == "PERMISSION_DENIED"
    assert "door:open" in answer.text
    assert await states(bot) == ["failed"]


@pytest.mark.parametrize("error", [BackendUnavailable("gone"), RuntimeError("what?")])
async def test_a_change_that_raises_is_unknown(bot: Bot, door: Door, error: Exception) -> None:
    door.error = error
    assert (await bot.confirm("open door")).status == "error"
    assert await states(bot) == ["unknown"]


async def test_a_change_past_its_deadline_is_unknown(bot: Bot, door: Door) -> None:
    door.asleep = True
    asked = await bot.say("open door")
    answers = []

    async def click() -> None:
        answers.append(await bot.press(asked.action("confirm")))

    async with anyio.create_task_group() as group:
        group.start_soon(click)
        await door.moved.wait()
        bot.clock.advance(31)
    (late,) = answers
    assert late.code == "TIMEOUT"
    assert "The result is unknown" in late.text
    assert await states(bot) == ["unknown"]


async def test_limits_are_taken_all_or_none_and_named(bot: Bot, door: Door) -> None:
    bot.settings["limits"] = {
        "user": {"limit": 3, "window": "1m"},
        "team": {"limit": 5, "window": "1m"},
        "burst": {"limit": 100, "window": "10s"},
    }
    codes = [(await bot.say("look")).code for _ in range(10)]
    assert codes == [""] * 3 + ["RATE_LIMITED"] * 7
    refused = (await bot.say("look")).reply
    assert refused.error is not None
    assert refused.error.details == "Rate limit: 3 requests per minute"
    assert refused.quota is not None
    assert (refused.quota.limit, refused.quota.remaining) == (3, 0)
    assert refused.error.retry_after == refused.quota.retry_after > 0
    assert f"Try again in {refused.error.retry_after} seconds." in plain(refused)
    assert [(await bot.say("look", user="bob")).code for _ in range(3)] == ["", "", ""]


async def test_a_rate_limited_message_can_be_sent_again_with_its_id(bot: Bot, door: Door) -> None:
    bot.settings["limits"] = {"user": {"limit": 1, "window": "1m"}}
    await bot.say("look")
    assert (await bot.say("look", id="act-1")).code == "RATE_LIMITED"
    bot.clock.advance(121)
    again = await bot.say("look", id="act-1")
    assert again.status == "success"


async def test_history_shows_commands_and_outcomes(bot: Bot, door: Door) -> None:
    await bot.say("look")
    await bot.confirm("open door")
    await bot.say("opn dor")
    await bot.say("look", user="bob")
    entries = (await bot.say("history")).data["history"]
    assert [(entry["command"], entry["outcome"]) for entry in entries] == [
        ("opn dor", "VALIDATION_ERROR"),
        ("open door", "success"),
        ("open door", "pending"),
        ("look", "success"),
    ]


async def test_history_shows_a_confirmed_change_once(bot: Bot, door: Door) -> None:
    await bot.confirm("open door")
    door.state = "shut"
    await bot.say("open door back")
    (table,) = (await bot.say("history")).reply.view
    assert isinstance(table, Table)
    rows = [(row[1], str(getattr(row[2], "text", ""))) for row in table.rows]
    assert rows == [("open door back", "not confirmed"), ("open door", "success")]


async def test_history_contains_no_token(bot: Bot, door: Door) -> None:
    asked = await bot.say("open door")
    confirm, cancel = asked.action("confirm"), asked.action("cancel")
    await bot.press(confirm, user="bob")
    await bot.say(cancel.value)
    assert (await bot.say("history", user="bob")).data["history"][0]["command"] == "confirm"
    assert (await bot.say("history")).data["history"][0]["command"] == "cancel"


async def test_whoami(bot: Bot, door: Door) -> None:
    answer = await bot.say("whoami")
    assert answer.data["person"] == "bot:alice"
    assert answer.data["roles"] == ["operator"]


async def test_an_empty_message_is_answered_with_a_hint(bot: Bot, door: Door) -> None:
    answer = await bot.say("   ")
    assert (answer.code, "help" in answer.text) == ("VALIDATION_ERROR", True)


async def states(bot: Bot) -> list[str]:
    store = (await bot.app()).store
    return [operation.state for operation in await store.operations()]


async def test_an_incomplete_forbidden_command_names_the_rule(bot: Bot) -> None:
    @command("paint {what}", effect="change")
    async def paint(what: str) -> str:
        """Paint something."""
        return f"{what} is painted"

    module = ModuleType("paint")
    module.register_commands = hookimpl(lambda: [paint])  # type: ignore[attr-defined]
    bot.load(module)
    bot.settings["rules"] = [
        {"name": "all", "allow": {"roles": ["operator"]}},
        {"name": "no-paint", "deny": {"commands": ["paint"]}},
    ]
    denied = await bot.say("paint")
    assert (denied.code, "no-paint" in denied.text) == ("PERMISSION_DENIED", True)


async def test_carets_are_shown_in_a_monospaced_font(bot: Bot, door: Door) -> None:
    refused = await bot.say("lok")
    (excerpt,) = [block for block in refused.reply.view if isinstance(block, Code)]
    assert excerpt.text == "lok\n^^^"
    assert "Did you mean: look?" in refused.text


async def test_a_plan_without_changes_needs_no_approval(bot: Bot, door: Door) -> None:
    door.state = "open"
    answer = await bot.say("open door")
    assert (answer.status, answer.reply.actions, door.moves) == ("success", (), 0)
    assert answer.data["changed"] is False
