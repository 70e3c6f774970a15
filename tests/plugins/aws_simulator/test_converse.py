"""Bedrock's Converse as real clients see it."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

pytestmark = pytest.mark.anyio

MODEL = "eu.anthropic.claude-3-7-sonnet-20250219-v1:0"


def tools(*names: str) -> dict[str, Any]:
    schema = {"json": {"type": "object", "properties": {}}}
    return {"tools": [{"toolSpec": {"name": name, "inputSchema": schema}} for name in names]}


def user(*content: Any) -> dict[str, Any]:
    blocks = [{"text": each} if isinstance(each, str) else each for each in content]
    return {"role": "user", "content": blocks}


def answered(use: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": use["toolUseId"], "content": [content]}}


async def converse(place: Any, *messages: Any, **more: Any) -> dict[str, Any]:
    client = place.client("bedrock-runtime")
    return await client("converse", **{"modelId": MODEL, "messages": list(messages), **more})


async def test_a_rule_makes_a_tool_be_used_and_its_result_be_told(start):
    rules = [
        {
            "when": "stop +(?P<name>[a-z0-9-]+)",
            "tool": "stop_instance",
            "input": {"instance": "{name}", "deep": [{"0": "{0}"}], "many": 3},
            "text": "Stopping {name}.",
        },
        {"when": '"count": (\\d+)', "to": "results", "text": "There are {1}."},
    ]
    async with start(converse={"rules": rules}) as place:
        first = await converse(place, user("Please STOP web-01"), toolConfig=tools("stop_instance"))
        message = first["output"]["message"]
        assert first["stopReason"] == "tool_use"
        assert message["content"][0] == {"text": "Stopping web-01."}
        use = message["content"][1]["toolUse"]
        assert use["name"] == "stop_instance"
        assert use["input"] == {"instance": "web-01", "deep": [{"0": "STOP web-01"}], "many": 3}
        usage = first["usage"]
        assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] > 20

        history = [user("Please STOP web-01"), message]
        second = await converse(
            place,
            *history,
            user(answered(use, {"json": {"count": 12}})),
            toolConfig=tools("stop_instance"),
        )
        assert second["stopReason"] == "end_turn"
        assert second["output"]["message"]["content"] == [{"text": "There are 12."}]
        assert second["usage"]["inputTokens"] > usage["inputTokens"]
        third = await converse(
            place,
            *history,
            user(answered(use, {"text": "it went well"})),
            toolConfig=tools("stop_instance"),
        )
        assert third["output"]["message"]["content"] == [{"text": "it went well"}]
        besides = [answered(use, {"text": "it went well"}), {"text": "He ran: stop web-09"}]
        fourth = await converse(
            place,
            *history,
            user(*besides, {"text": "now stop web-02"}),
            toolConfig=tools("stop_instance"),
        )
        assert fourth["output"]["message"]["content"][0] == {"text": "Stopping web-02."}


async def test_a_tool_that_is_not_offered_is_not_used(start):
    rules = [{"when": "stop", "tool": "stop_instance"}]
    async with start(converse={"rules": rules, "otherwise": "No."}) as place:
        answer = await converse(place, user("stop it"), toolConfig=tools("list_instances"))
    assert answer["output"]["message"]["content"] == [{"text": "No."}]


async def test_other_ways_to_stop(start):
    rules = [{"when": "secret", "stop": "guardrail_intervened", "text": "Not this."}]
    async with start(converse={"rules": rules}) as place:
        answer = await converse(place, user("tell the secret"))
    assert answer["stopReason"] == "guardrail_intervened"


async def test_thinking_takes_time(start):
    rules = [{"when": "think", "text": "42", "delay": "30s"}]
    async with start(converse={"rules": rules}) as place:
        told: list[Any] = []

        async def ask() -> None:
            told.append(await converse(place, user("think")))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                while not place.clock.sleepers:
                    await anyio.lowlevel.checkpoint()
                assert told == []
                place.clock.advance(30)
    assert told[0]["metrics"]["latencyMs"] == 30_240


USE = {"toolUse": {"toolUseId": "t1", "name": "x", "input": {}}}
ASSISTANT = {"role": "assistant", "content": [{"text": "hello"}]}


@pytest.mark.parametrize(
    ("messages", "more", "part"),
    [
        ([], {}, "must start with a user message"),
        ([ASSISTANT], {}, "must start with a user message"),
        ([user("a"), ASSISTANT], {}, "must end with a user message"),
        ([user("a"), user("b")], {}, "must alternate"),
        ([user("  ")], {}, "is blank"),
        ([user()], {}, "is empty"),
        (
            [user("a"), {"role": "assistant", "content": [USE]}, user("b")],
            {"toolConfig": tools("x")},
            "Expected toolResult blocks at messages.2.content for the following Ids: t1",
        ),
        (
            [user("a"), ASSISTANT, user(answered({"toolUseId": "t1"}, {"text": "x"}))],
            {"toolConfig": tools("x")},
            "exceeds the number of toolUse blocks",
        ),
        (
            [user("a"), {"role": "assistant", "content": [USE]}, user("b")],
            {},
            "toolConfig field must be defined",
        ),
    ],
)
async def test_conversations_that_make_no_sense(start, messages, more, part):
    async with start() as place:
        code, text, status = await place.client("bedrock-runtime").refused(
            "converse", modelId=MODEL, messages=messages, **more
        )
    assert (code, status) == ("ValidationException", 400)
    assert part in text


async def test_models_and_guardrails(start):
    speech = {
        "models": ["*claude*"],
        "no_access": ["*opus*"],
        "profiles_only": ["anthropic.*"],
        "guardrails": ["gr1"],
    }
    async with start(converse=speech) as place:
        bedrock, talk = place.client("bedrock-runtime"), {"messages": [user("hi")]}
        for model, code, status, part in (
            ("who.knows", "ValidationException", 400, "model identifier is invalid"),
            ("eu.anthropic.claude-opus", "AccessDeniedException", 403, "access to the model"),
            ("anthropic.claude-x", "ValidationException", 400, "on-demand throughput isn\u2019t"),
        ):
            found, text, answered = await bedrock.refused("converse", modelId=model, **talk)
            assert (found, answered) == (code, status)
            assert part in text
        arn = f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/{MODEL}"
        await bedrock("converse", modelId=arn, **talk)
        assert place.simulator.calls[-1].action == "bedrock:InvokeModel"
        guard = {"guardrailIdentifier": "gr2", "guardrailVersion": "1"}
        _, text, _ = await bedrock.refused("converse", modelId=MODEL, guardrailConfig=guard, **talk)
        assert "guardrail identifier" in text


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ModelTimeoutException", 408),
        ("ModelErrorException", 424),
        ("ModelNotReadyException", 429),
        ("ServiceUnavailableException", 503),
    ],
)
async def test_errors_of_the_model(start, code, status):
    async with start() as place:
        place.simulator.fault("bedrock:*", "error", code=code, status=status, message="no")
        found = await place.client("bedrock-runtime").refused(
            "converse", modelId=MODEL, messages=[user("hi")]
        )
    assert found == (code, "no", status)
