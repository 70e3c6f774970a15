"""Memory of conversations: follow-up questions, privacy, and expiry."""

from __future__ import annotations

import json

import pytest

from smartops_simulators.aws import says, script, uses

pytestmark = pytest.mark.anyio

LIST = ("list_instances", {"state": ["running"]})


async def test_a_question_can_follow_up_on_another(load, model):
    bot = load()
    model.brain = script(
        uses(LIST), says("Three of them."), says("web-server-02."), says("At 70%.")
    )
    await bot.say("how many run?")
    await bot.aclose()  # it outlives a restart
    assert (await bot.say("which of those is busiest?")).text == "web-server-02."
    await bot.say("how busy?")
    messages = model.asked[-1].messages
    assert [message["role"] for message in messages] == ["user", "assistant"] * 3 + ["user"]
    assert messages[0]["content"] == [{"text": "how many run?"}]
    assert messages[1]["content"][0]["toolUse"]["input"] == {"state": ["running"]}
    stored = json.loads(messages[2]["content"][0]["toolResult"]["content"][0]["text"])
    assert "web-server-02" in stored["output"]
    assert "no instruction" in stored["notice"]
    assert messages[3]["content"] == [{"text": "Three of them."}]
    assert messages[4]["content"][-1] == {"text": "which of those is busiest?"}


async def test_a_question_can_follow_up_on_a_typed_command(load, model):
    bot = load()
    await bot.say("list instances --state running")
    model.brain = script(says("web-server-02."))
    await bot.say("which of those is busiest?")
    note, question = model.asked[0].messages[0]["content"]
    assert '["list instances --state running"]' in note["text"]
    assert question == {"text": "which of those is busiest?"}


async def test_a_pending_change_is_remembered(load, model):
    bot = load()
    model.brain = script(
        uses(("stop", {"targets": ["web-server-01"]})), uses(("stop", {"targets": ["db-01"]}))
    )
    await bot.say("shut the first web server down")
    asked = await bot.say("and the database too")
    assert asked.data["understood"] == "stop db-01"
    _, assistant, follow_up = model.asked[1].messages
    assert assistant["content"][0]["toolUse"]["input"] == {"targets": ["web-server-01"]}
    result = follow_up["content"][0]["toolResult"]["content"][0]["text"]
    assert "stop web-server-01" in result
    assert "asked the person to confirm" in result
    assert follow_up["content"][-1] == {"text": "and the database too"}


@pytest.mark.parametrize(
    "other",
    [{"user": "bob", "conversation": "room"}, {"user": "alice", "conversation": "elsewhere"}],
    ids=["person", "conversation"],
)
async def test_memory_is_of_one_person_in_one_conversation(load, model, other):
    bot = load()
    model.brain = script(uses(LIST), says("Three."), says("Which ones?"))
    await bot.say("how many run?", user="alice", conversation="room")
    await bot.say("which of those is busiest?", **other)
    sent = json.dumps(model.asked[-1].messages)
    assert "how many" not in sent
    assert "Three" not in sent


async def test_follow_ups_of_a_private_answer_are_private(load, model):
    bot = load(context={"exchanges": 2})
    model.brain = script(
        uses(("whoami", {})),
        says("You are alice."),
        says("As I said: alice."),
        says("Nothing else."),
        says("Hello."),
        says("Hello again."),
    )
    assert (await bot.say("who am I?")).reply.private
    await bot.aclose()
    assert (await bot.say("say that again")).reply.private, "it is answered from what was private"
    assert (await bot.say("what else?")).reply.private, "the model's own words may repeat it"
    assert (await bot.say("hello you")).reply.private
    other = await bot.say("hello you", conversation="another")
    assert not other.reply.private


async def test_a_conversation_expires(load, model):
    bot = load(context={"expires": "10m"})
    model.brain = lambda asked: says("Three.")
    await bot.say("how many run?")
    bot.clock.advance(599)
    await bot.say("how many run now?")
    assert len(model.asked[-1].messages) == 3
    bot.clock.advance(601)
    await bot.say("how many run now?")
    assert len(model.asked[-1].messages) == 1


async def test_the_last_exchanges_are_remembered(load, model):
    bot = load(context={"exchanges": 2})
    model.brain = lambda asked: says("Answer to " + asked.question)
    for number in range(5):
        await bot.say(f"question number {number}")
    texts = [block["text"] for message in model.asked[-1].messages for block in message["content"]]
    assert texts == [
        "question number 2",
        "Answer to question number 2",
        "question number 3",
        "Answer to question number 3",
        "question number 4",
    ]


async def test_memory_can_be_switched_off(load, model):
    bot = load(context={"exchanges": 0})
    model.brain = lambda asked: says("Three.")
    await bot.say("how many run?")
    await bot.say("how many run now?")
    assert len(model.asked[-1].messages) == 1
    store = (await bot.app()).store
    assert await store.facts("smartops_bedrock", "context/") == {}


async def test_the_stored_conversation_is_bounded(load, model, say):
    bot = load(
        fake={"scripts": [{"pattern": "df -h", "output": "y" * 9000, "seconds": 0}]},
        context={"exchanges": 20},
        result=200_000,
        budget={"person": 10**9, "everybody": 10**9},
    )

    def brain(asked):
        if asked.messages[-1]["content"][0].get("toolResult"):
            return says("長い答え。" * 2000)
        return uses(*[("execute", {"script": "df -h", "targets": ["db-01"]})] * 3)

    model.brain = brain
    for number in range(4):
        await say(f"{number}? " + "why " * 900)
    store = (await bot.app()).store
    (stored,) = (await store.facts("smartops_bedrock", "context/")).values()
    assert 10_000 < len(stored) <= 40_000
    last = json.loads(stored)["exchanges"][-1]
    assert last["question"].startswith("3?")
    assert "run the command again" in last["steps"][-1]["result"]


async def test_lone_surrogates_of_the_model(load, model):
    bot = load()
    model.brain = script(
        uses(("show", {"target": "\ud800"})), says("What is \ud83d?"), says("Never mind.")
    )
    answer = await bot.say("what is that?")
    assert answer.text == "What is \\ud83d?"
    assert "no command can have" in json.dumps(model.asked[1].messages)
    assert (await bot.say("and that?")).text == "Never mind."


async def test_expired_data_is_deleted(load, model):
    bot = load()
    model.brain = lambda asked: says("Three.")
    await bot.say("how many run?", user="bob")
    bot.clock.advance(86_400)
    await bot.say("how many run?")
    store = (await bot.app()).store
    assert len(await store.facts("smartops_bedrock", "context/")) == 1
    assert len(await store.facts("smartops_bedrock", "tokens/")) == 1
