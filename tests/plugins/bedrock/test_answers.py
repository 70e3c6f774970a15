"""From free text to commands and answers, over real HTTP to a scripted model."""

from __future__ import annotations

import json
import threading

import anyio
import jsonschema
import pytest

from smartops import Code
from smartops_simulators.aws import Asked, answered, says, script, uses

pytestmark = pytest.mark.anyio

LIST = ("list_instances", {"state": ["running"]})


async def test_a_question_is_answered_from_a_command(load, model):
    bot = load()
    model.brain = script(uses(LIST), says("Drei laufen, web-server-02 hat am meisten zu tun."))
    answer = await bot.say("Welche Maschinen laufen gerade?")
    assert answer.text == "Drei laufen, web-server-02 hat am meisten zu tun."
    assert answer.status == "success"
    assert answer.data["commands"] == ["list instances --state running"]
    assert answer.action("command").value == "list instances --state running"
    first, second = model.asked
    assert first.question == "Welche Maschinen laufen gerade?"
    assert "In the language of the person's last message" in first.body["system"][0]["text"]
    (result,) = second.results
    assert result["command"] == "list instances --state running"
    assert "web-server-02" in result["output"]
    assert "no instruction" in result["notice"]


async def test_commands_of_the_model_are_in_the_history(load, model):
    bot = load()
    model.brain = script(uses(LIST), says("Three."))
    await bot.say("how many?")
    text = (await bot.say("history")).text
    assert "list instances --state running" in text
    assert "how many?" in text


async def test_the_request_has_the_configured_settings(load, model):
    bot = load(
        temperature=0.5,
        max_tokens=321,
        guardrail={"id": "gr1234567890", "version": "2"},
        instructions="We call db-01 the vault.",
    )
    model.brain = script(says("Hello."))
    await bot.say("hello you")
    (asked,) = model.asked
    assert asked.model == "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert asked.body["inferenceConfig"] == {"maxTokens": 321, "temperature": 0.5}
    assert asked.body["guardrailConfig"] == {
        "guardrailIdentifier": "gr1234567890",
        "guardrailVersion": "2",
    }
    assert "We call db-01 the vault." in asked.body["system"][0]["text"]
    assert "2027-01-15" in asked.body["system"][0]["text"]
    assert "/eu-central-1/bedrock/aws4_request" in asked.headers["authorization"]


async def test_the_temperature_can_be_omitted(load, model):
    bot = load(temperature=None)
    model.brain = script(says("Hello."))
    await bot.say("hello you")
    assert model.asked[0].body["inferenceConfig"] == {"maxTokens": 1024}


async def test_the_tools_are_the_commands_of_the_person(load, model):
    bot = load()
    bot.settings["guests"] = []
    bot.settings["people"] = {
        "alice": {"roles": ["operator"], "identities": ["bot:alice"]},
        "vera": {"roles": ["viewer"], "identities": ["bot:vera"]},
    }
    bot.settings["roles"] = {"viewer": {}, "operator": {"includes": ["viewer"]}}
    bot.settings["rules"] = [
        {"name": "reads", "allow": {"roles": ["viewer"], "effects": ["read"]}},
        {"name": "operators", "allow": {"roles": ["operator"]}},
        {"name": "no-tags", "deny": {"commands": ["untag"]}},
    ]
    model.brain = lambda asked: says("Well.")
    await bot.say("what can I do here?")
    await bot.say("what can I do here?", user="vera")
    operator, viewer = (set(asked.tools) for asked in model.asked)
    assert operator >= {"list_instances", "stop", "execute", "tag", "check_health", "model_usage"}
    assert "untag" not in operator
    assert "cancel" not in operator
    assert viewer == operator - {"start", "stop", "reboot", "tag"}  # some scripts only read
    assert "confirm it" in model.asked[0].tools["stop"]["description"]
    for tool in model.asked[0].tools.values():
        jsonschema.Draft202012Validator.check_schema(tool["inputSchema"]["json"])


async def test_a_change_waits_for_confirmation(load, model):
    bot = load()
    model.brain = script(uses(("stop", {"targets": ["web-server-01"]}), text="I will stop it."))
    asked = await bot.say("please shut down the first web server")
    assert asked.status == "pending"
    assert asked.data["understood"] == "stop web-server-01"
    assert "Understood as this command:\nstop web-server-01" in asked.text
    typed = await bot.say("stop web-server-01")
    assert asked.data["plan"] == typed.data["plan"]
    assert len(model.asked) == 1
    assert "stopping" not in (await bot.say("show web-server-01")).text
    done = await bot.press(asked.action("confirm"))
    assert done.status == "success"
    assert "stopping" in (await bot.say("show web-server-01")).text


async def test_a_change_ends_the_question_among_other_tool_calls(load, model):
    bot = load()
    model.brain = script(
        uses(LIST, ("stop", {"targets": ["db-01"]}), ("stop", {"targets": ["web-server-01"]}))
    )
    asked = await bot.say("shut them down")
    assert asked.data["understood"] == "stop db-01"
    history = (await bot.say("history")).data["history"]
    assert [item["command"] for item in history][:3] == [
        "shut them down",
        "stop db-01",
        "list instances --state running",
    ]


async def test_the_model_is_denied_what_the_person_is(load, model):
    bot = load()
    bot.settings["rules"] = [
        {"name": "operators", "allow": {"roles": ["operator"]}},
        {"name": "hands-off", "deny": {"commands": ["stop"], "tags": {"Role": ["database"]}}},
    ]
    model.brain = script(uses(("stop", {"targets": ["db-01"]})))
    typed = await bot.say("stop db-01")
    asked = await bot.say("shut the database down")
    assert (asked.code, asked.text) == (typed.code, typed.text)
    assert "hands-off" in asked.text


async def test_the_model_can_correct_its_mistakes(load, model):
    bot = load()
    model.brain = script(
        uses(("show", {"target": "web-1"})),
        uses(("show", {"machine": "web-server-01"})),
        uses(("describe", {"target": "web-server-01"})),
        uses(("show", {"target": "web-server-01"})),
        says("It runs."),
    )
    answer = await bot.say("how is the first web server?")
    assert answer.text == "It runs."
    assert answer.data["commands"] == ["show web-server-01"]
    results = [asked.results[0] for asked in model.asked[1:]]
    assert results[0]["code"] == "INSTANCE_NOT_FOUND"
    assert results[1]["message"] == "show has no argument 'machine'"
    assert results[2]["message"] == "There is no such tool"
    statuses = [
        asked.messages[-1]["content"][0]["toolResult"]["status"] for asked in model.asked[1:]
    ]
    assert statuses == ["error", "error", "error", "success"]


async def test_results_are_shortened(load, model):
    bot = load(fake={"fleet": [], "instances": 300}, result=600)
    model.brain = script(uses(LIST), says("Many."))
    answer = await bot.say("which ones run?")
    assert answer.text == "Many."
    (result,) = model.asked[1].results
    assert len(result["output"]) == 600
    assert "say that you saw only part" in result["left_out"]
    assert result["further_commands"][0].startswith("list instances")


async def test_no_confirmation_token_reaches_the_model(load, model):
    bot = load()
    pending = await bot.say("stop web-server-01")
    model.brain = script(
        uses(("history", {}), ("operations", {}), ("help", {}), ("whoami", {})), says("Nothing.")
    )
    answer = await bot.say("what have I done?")
    sent = json.dumps(model.asked[1].messages)
    assert "stop web-server-01" in sent
    assert pending.action("confirm").value.removeprefix("confirm_") not in sent
    assert answer.reply.private, "the answer may repeat a private reply"


async def test_rounds_are_limited(load, model):
    bot = load(rounds=3)
    model.brain = lambda asked: uses(LIST)
    answer = await bot.say("go round in circles")
    assert answer.code == "BEDROCK_ERROR"
    assert "in 3 rounds" in answer.text
    assert len(model.asked) == 3


async def test_thoughts_are_removed_and_code_is_a_block(load, model):
    bot = load()
    model.brain = script(says("<thinking>hm, hm</thinking>\nTry\n\n```sh\ndf -h\n```\n\nBye"))
    answer = await bot.say("how do I see the disks?")
    assert answer.text == "Try\n\ndf -h\n\nBye"
    assert answer.reply.view[1] == Code("df -h")


async def test_blank_blocks_and_malformed_inputs_are_not_sent_back(load, model):
    bot = load()
    content = [
        {"text": "\n\n"},
        {"toolUse": {"toolUseId": "a", "name": "list_instances", "input": "all"}},
    ]
    model.brain = script(answered(content, "tool_use"), says("Three."))
    assert (await bot.say("how many?")).text == "Three."
    echoed = model.asked[1].messages[-2]["content"]
    assert [block["toolUse"]["input"] for block in echoed] == [{}]


async def test_an_answer_that_was_cut(load, model):
    bot = load()
    model.brain = script(says("There are thr", "max_tokens"))
    assert (await bot.say("how many?")).text == "There are thr…"
    model.brain = script(answered([{"toolUse": _half()}], "max_tokens"))
    answer = await bot.say("how many?")
    assert answer.code == "BEDROCK_ERROR"
    assert "plugins.bedrock.max_tokens" in answer.text


def _half() -> dict[str, object]:
    return {"toolUseId": "a", "name": "stop", "input": {"targets": ["web-server-01"]}}


@pytest.mark.parametrize("stop", ["guardrail_intervened", "content_filtered"])
async def test_the_text_of_a_guardrail_is_the_answer(load, model, stop):
    bot = load(guardrail={"id": "gr1234567890", "version": "DRAFT"})
    model.brain = script(
        answered([{"text": "We do not talk about this."}, {"toolUse": _half()}], stop),
        says("Three."),
    )
    answer = await bot.say("tell me something forbidden")
    assert answer.text == "We do not talk about this."
    await bot.say("how many?")
    assert "forbidden" not in json.dumps(model.asked[1].messages)


async def test_a_person_without_commands_does_not_reach_the_model(load, model):
    bot = load()
    bot.settings["rules"] = [{"name": "none", "deny": {"roles": ["operator"]}}]
    assert (await bot.say("what is up?")).code == "VALIDATION_ERROR"
    assert model.asked == []


async def test_a_question_has_a_longest_length(load, model):
    bot = load()
    answer = await bot.say("why " * 1200)
    assert answer.code == "VALIDATION_ERROR"
    assert model.asked == []


async def test_typed_commands_do_not_reach_the_model(load, model):
    bot = load()
    for text in ("list instances", "show db-01", "stop db-01", "help", "model usage"):
        assert (await bot.say(text)).status != "error"
    assert model.asked == []


async def test_questions_run_concurrently(load, model):
    bot = load()
    go = threading.Event()

    def brain(asked: Asked) -> object:
        if "slow" in asked.question:
            assert go.wait(20)
            return says("Slowly.")
        return says("Quickly.")

    model.brain = brain
    await bot.app()
    texts: list[str] = []

    async def ask(text: str) -> None:
        texts.append((await bot.say(text, user=text)).text)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "slow one")
        while not model.asked:
            await anyio.sleep(0.001)
        await ask("other one")
        assert (await bot.say("show db-01")).status == "success"
        go.set()
    assert texts == ["Quickly.", "Slowly."]


DISK = ("execute", {"script": "df -h", "targets": ["web-server-01"]})


async def test_a_script_waits_for_a_press_if_that_is_configured(load, model, say):
    bot = load(scripts="ask")
    model.brain = script(uses(DISK), uses(LIST), says("Three."))
    answer = await bot.say("is the disk of web-server-01 full?")
    button = answer.action("command")
    assert button.value == 'execute "df -h" on web-server-01'
    assert "Filesystem" not in answer.text
    assert "execute" not in (await bot.say("history")).text
    assert "Filesystem" in (await say(button.value)).text
    assert (await bot.say("how many run?")).text == "Three."  # other reads are run


async def test_a_confirmation_code_in_a_question_does_not_reach_the_model(load, model):
    bot = load()
    model.brain = script(says("I cannot confirm."), says("Yes."))
    asked = await bot.say("stop db-01")
    code = asked.action("confirm").value
    await bot.say(f"please do {code} for me")
    await bot.say("what did I say?")
    assert len(model.asked) == 2
    assert all(code not in json.dumps(item.body) for item in model.asked)


async def test_an_answer_that_is_too_long_is_marked(load, model):
    bot = load()
    model.brain = script(says("word " * 2000))
    assert (await bot.say("tell me everything")).text.endswith("…")


async def test_the_prompt_and_the_tools_are_cached_by_models_that_can(load, model):
    bot = load()
    model.brain = script(says("Hello."))
    await bot.say("hello you")
    (asked,) = model.asked
    point = {"cachePoint": {"type": "default"}}
    assert asked.body["system"][-1] == point
    assert asked.body["toolConfig"]["tools"][-1] == point


async def test_a_model_without_a_cache_gets_no_cache_point(load, model):
    bot = load(model="mistral.mistral-large-2402-v1:0")
    model.brain = script(says("Hello."))
    await bot.say("hello you")
    assert "cachePoint" not in json.dumps(model.asked[0].body)
