"""What interpreters may and may not do with a question, through the real gate."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from smartops import (
    Call,
    FreeText,
    Interpreter,
    Plan,
    Refusal,
    Reply,
    ValidationFailed,
    command,
    hookimpl,
)
from smartops.channels import plain
from smartops.testing import Bot

pytestmark = pytest.mark.anyio


class Scripted(Interpreter):
    """Does with a question whatever the test says."""

    name = "scripted"

    def __init__(self) -> None:
        self.reply: Callable[[FreeText], Any] | None = None

    async def interpret(self, question: FreeText) -> Reply | str | None:
        assert self.reply is not None
        found: Reply | str | None = await self.reply(question)
        return found


def run_and_propose(text: str) -> tuple[Callable[[FreeText], Any], ...]:
    """Return the two ways in which an interpreter can use a text."""

    async def run(question: FreeText) -> Reply:
        return await question.run(text)

    async def propose(question: FreeText) -> str:
        return text

    return run, propose


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
def there(bot: Bot, scripted: Scripted) -> Bot:
    @command("look at {what}")
    async def look(what: str, closely: bool = False) -> str:
        """Look at something."""
        return f"{what} is fine"

    @command("break {what}", effect="change")
    async def break_(call: Call, what: str) -> str:
        """Break something."""
        return f"{what} is broken"

    @break_.plan
    async def plan(what: str) -> Plan:
        return Plan(f"Break {what}")

    @command("secret {number}")
    async def secret(number: int) -> str:
        """Tell a secret."""
        return "1234"

    plugin = ModuleType("things")
    plugin.register_commands = hookimpl(  # type: ignore[attr-defined]
        lambda: [look, break_, secret], specname="register_commands"
    )
    plugin.register_interpreters = hookimpl(  # type: ignore[attr-defined]
        lambda: [scripted], specname="register_interpreters"
    )
    bot.load(plugin)
    bot.settings["rules"] = [
        {"name": "operators", "allow": {"roles": ["operator"]}},
        {"name": "no-secrets", "deny": {"commands": ["secret"]}},
    ]
    return bot


async def test_an_interpreter_is_offered_only_permitted_commands(there, scripted):
    async def offered(question: FreeText) -> Reply:
        return Reply.of(" ".join(sorted(item.name for item in question.commands)))

    scripted.reply = offered
    answer = await there.say("what can you do")
    assert answer.text == "break can-i help history look at operations show operation whoami"


async def test_an_interpreter_cannot_cancel_an_approval(there, scripted):
    pending = await there.say("break glass")

    for reply in run_and_propose("cancel"):
        scripted.reply = reply
        answer = await there.say("get rid of it")
        assert answer.code == "PERMISSION_DENIED"
        assert "Only a person can say: cancel" in answer.text
    confirmed = await there.press(pending.action("confirm"))
    assert confirmed.text == "glass is broken"


@pytest.mark.parametrize("text", ["secret 1", "secret one", "secret"])
async def test_a_denied_command_gets_the_same_reply_through_an_interpreter(there, scripted, text):
    typed = await there.say(text)
    assert typed.code == "PERMISSION_DENIED"
    for reply in run_and_propose(text):
        scripted.reply = reply
        answer = await there.say("tell me")
        assert (answer.code, answer.text) == (typed.code, typed.text)


async def test_an_interpreter_cannot_run_or_propose_a_token(there, scripted):
    pending = await there.say("break glass")
    token = pending.action("confirm").value

    for reply in run_and_propose(token):
        scripted.reply = reply
        answer = await there.say("go ahead then")
        assert answer.code == "VALIDATION_ERROR"
    assert "is broken" in (await there.press(pending.action("confirm"))).text


async def test_arguments_become_the_text_of_the_command(there, scripted):
    async def ask(question: FreeText) -> Reply:
        look = next(item for item in question.commands if item.name == "look at")
        assert question.schema(look)["required"] == ["what"]
        text = question.text(look, {"what": "the door --closely", "closely": True})
        assert text == 'look at "the door --closely" --closely'
        return await question.run(text)

    scripted.reply = ask
    assert (await there.say("how is it?")).text == "the door --closely is fine"
    records = await (await there.app()).store.history("bot:alice", 10)
    assert [(item.command, item.text) for item in records] == [
        ("", "how is it?"),
        ("look at", 'look at "the door --closely" --closely'),
    ]


async def test_invalid_arguments_of_an_interpreter_are_refused(there, scripted):
    async def ask(question: FreeText) -> Reply:
        look = next(item for item in question.commands if item.name == "look at")
        return Reply.of(question.text(look, {"what": "x", "closely": "perhaps"}))

    scripted.reply = ask
    answer = await there.say("how is it?")
    assert answer.code == "VALIDATION_ERROR"
    assert "That cannot be closely of look at" in answer.text


async def test_a_change_of_an_interpreter_needs_approval(there, scripted):
    for reply in run_and_propose("BREAK  glass"):
        scripted.reply = reply
        asked = await there.say("do away with the glass")
        assert asked.status == "pending"
        assert asked.data["understood"] == "break glass"
        assert "Understood as this command:\nbreak glass" in plain(asked.reply)
        assert (await there.press(asked.action("confirm"))).text == "glass is broken"
    assert "Understood" not in (await there.say("break glass")).text


async def test_the_number_of_commands_for_one_question_is_limited(there, scripted):
    async def ask(question: FreeText) -> Reply:
        for number in range(100):
            await question.run(f"look at {number}")
        raise AssertionError("nothing stopped it")

    scripted.reply = ask
    answer = await there.say("look at everything there is, please")
    assert isinstance(answer.reply.error, Refusal | ValidationFailed)
    assert "More than 12 commands" in answer.text


async def test_an_interpreter_knows_recent_commands(there, scripted):
    seen: list[Sequence[str]] = []

    async def ask(question: FreeText) -> Reply:
        seen.append(await question.lately(2))
        return Reply.of("hm")

    scripted.reply = ask
    await there.say("look at a")
    there.clock.advance(1900)
    for text in ("look at b", "secret 1", "look at c", "look at c", "break glass"):
        await there.say(text)
    await there.say("look at d", user="bob")
    await there.say("and?")
    await there.say("look at e")
    await there.say("and?")
    await there.say("and?", user="carol")
    assert seen == [["look at b", "look at c"], ["look at c", "look at e"], []]
