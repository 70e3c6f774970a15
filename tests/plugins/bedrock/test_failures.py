"""Failures of the model: a BEDROCK_ERROR with its remedy, while typed commands work."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import anyio
import pytest

import smartops_bedrock
from smartops import Command, InterpreterFailed, command, hookimpl
from smartops.testing import ManualClock
from smartops_simulators.aws import AwsError, answered, says, script, uses

pytestmark = pytest.mark.anyio

ARN = "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"
USER = "arn:aws:sts::123456789012:assumed-role/bot/x"
ON_DEMAND = (
    "Invocation of model ID anthropic.claude-sonnet-4-5-20250929-v1:0 with on-demand throughput "
    "isn\N{RIGHT SINGLE QUOTATION MARK}t supported. Retry your request with the ID or ARN of an "
    "inference profile that contains this model."
)

CASES = [
    (
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
        "Ask eu.anthropic.claude-sonnet-4-5-20250929-v1:0 something once in the playground",
    ),
    (
        403,
        "AccessDeniedException",
        f"Model access is denied due to {USER} is not authorized to perform: "
        "aws-marketplace:Subscribe on resource: * because no identity-based policy allows it",
        "as a user who may subscribe in AWS Marketplace",
    ),
    (
        404,
        "ResourceNotFoundException",
        "Model use case details have not been submitted for this account.",
        "tell its provider there what is asked",
    ),
    (
        403,
        "AccessDeniedException",
        f"User: {USER} is not authorized to perform: bedrock:InvokeModel on resource: {ARN} "
        "because no identity-based policy allows the bedrock:InvokeModel action",
        "Required IAM action: bedrock:InvokeModel",
    ),
    (
        403,
        "AccessDeniedException",
        f"User: {USER} is not authorized to perform: bedrock:InvokeModel on resource: {ARN} "
        "with an explicit deny in a service control policy",
        "explicit deny",
    ),
    (
        403,
        "AccessDeniedException",
        f"User: {USER} is not authorized to perform: bedrock:ApplyGuardrail on resource: {ARN}",
        "Required IAM action: bedrock:ApplyGuardrail, on the guardrail",
    ),
    (404, "ResourceNotFoundException", f"Could not find {ARN}", "plugins.bedrock.model"),
    (
        404,
        "ResourceNotFoundException",
        "This model version has reached the end of its life.",
        "or no more",
    ),
    (408, "ModelTimeoutException", "Model has timed out", "Ask again, or something narrower"),
    (424, "ModelErrorException", "The model failed", "in other words"),
    (429, "ThrottlingException", "Too many requests, please wait", "quotas"),
    (429, "ThrottlingException", "Too many tokens per day, please wait", "tokens per day"),
    (429, "ModelNotReadyException", "Model is not ready for inference", "Ask again"),
    (500, "InternalServerException", "An internal error occurred", "AWS Health Dashboard"),
    (503, "ServiceUnavailableException", "Service unavailable", "AWS Health Dashboard"),
    (400, "ServiceQuotaExceededException", "Over the limit", "Service Quotas"),
    (400, "ValidationException", "The provided model identifier is invalid.", "There is no eu."),
    (400, "ValidationException", "This model doesn't support tool use.", "cannot use tools"),
    (400, "ValidationException", "temperature: not supported", "temperature to null"),
    (400, "ValidationException", "The maximum tokens you requested exceeds", "max_tokens"),
    (400, "ValidationException", "Input is too long for requested model.", "narrower"),
    (400, "ValidationException", "The guardrail identifier is malformed", "guardrail"),
    (400, "ValidationException", f"Something odd about {ARN}", "the log has why"),
    (403, "ExpiredTokenException", "The security token is expired", "ExpiredTokenException"),
    (403, "UnrecognizedClientException", "The security token is invalid", "has to check them"),
    (403, "InvalidSignatureException", "Signature expired", "has to check them"),
    (418, "TeapotException", f"I am {ARN}", "TeapotException"),
]


async def test_every_failure_has_its_remedy(load, model):
    bot = load(limits={"attempts": 1})
    for number, (status, code, message, remedy) in enumerate(CASES):
        model.brain = script(AwsError(code, message, status))
        answer = await bot.say("how many run?", user=f"user{number}")
        assert answer.code == "BEDROCK_ERROR", code
        assert answer.reply.error.status == 502
        assert isinstance(answer.reply.error, InterpreterFailed)
        assert remedy in answer.text
        assert "Typed commands still work" in answer.text
        for secret in ("arn:", "123456789012", message):
            assert secret not in answer.text
    assert (await bot.say("show db-01")).status == "success"
    model.brain = script(says("Three."))
    assert (await bot.say("how many run?")).text == "Three."


@pytest.mark.parametrize(
    ("model_id", "region", "profile"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-central-1", "eu.anthropic."),
        ("amazon.nova-pro-v1:0", "us-east-1", "us.amazon.nova-pro-v1:0"),
        ("us.amazon.nova-pro-v1:0", "eu-central-1", "such as eu.amazon.nova-pro-v1:0"),
        ("amazon.nova-pro-v1:0", "us-gov-west-1", "us-gov.amazon.nova-pro-v1:0"),
        ("amazon.nova-pro-v1:0", "ap-northeast-1", "apac.amazon.nova-pro-v1:0"),
        ("amazon.nova-pro-v1:0", "me-south-1", "global.amazon.nova-pro-v1:0"),
    ],
)
async def test_a_model_without_on_demand_needs_an_inference_profile(
    load, model, model_id, region, profile
):
    bot = load(model=model_id, region=region)
    model.brain = lambda asked: AwsError("ValidationException", ON_DEMAND, 400)
    answer = await bot.say("how many run?")
    assert answer.code == "BEDROCK_ERROR"
    assert "inference profile id" in answer.text
    assert profile in answer.text


async def test_throttling_has_a_retry_after(load, model):
    bot = load(limits={"attempts": 1})
    model.brain = script(
        AwsError("ThrottlingException", "Too many requests", 429, retry_after="37"),
        AwsError("ThrottlingException", "Too many requests", 429),
    )
    assert (await bot.say("how many run?")).reply.error.retry_after == 37
    assert (await bot.say("how many run?")).reply.error.retry_after == 10


async def test_requests_are_retried_within_the_attempts(load, model):
    bot = load(limits={"attempts": 2})
    unavailable = AwsError("ServiceUnavailableException", "no", 503)
    model.brain = script(unavailable, says("Three."), unavailable, unavailable)
    assert (await bot.say("how many run?")).text == "Three."
    assert (await bot.say("how many run?")).code == "BEDROCK_ERROR"
    assert len(model.asked) == 4


async def test_the_log_has_the_whole_text_of_aws(load, model, caplog):
    bot = load()
    model.brain = lambda asked: AwsError("AccessDeniedException", f"{USER}: no {ARN}", 403)
    answer = await bot.say("how many run?")
    assert f"Converse: AccessDeniedException: {USER}: no {ARN}" in caplog.text
    assert answer.reply.error.reason in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"<html>nothing here</html>",
        b"{}",
        b'{"output": {}, "stopReason": "malformed_tool_use"}',
        b'{"output": {"message": {"role": "assistant", "content": []}}, "stopReason": "end_turn"}',
        b'{"output": {"message": {"role": "assistant", "content": [{"toolUse": {"name": "stop", '
        b'"input": {"targets": ["db-01"]}}}]}}, "stopReason": "tool_use"}',
    ],
    ids=["html", "empty", "malformed", "silent", "no-id"],
)
async def test_a_malformed_answer_is_a_failure(load, model, body):
    bot = load(limits={"attempts": 1})
    model.brain = lambda asked: body
    assert (await bot.say("how many run?")).code == "BEDROCK_ERROR"


async def test_a_full_context_is_forgotten(load, model):
    bot = load()
    model.brain = script(
        says("Three."), answered([], "model_context_window_exceeded"), says("Three again.")
    )
    await bot.say("how many run?")
    assert (await bot.say("how many run?")).code == "BEDROCK_ERROR"
    assert (await bot.say("how many run?")).text == "Three again."
    assert len(model.asked[-1].messages) == 1


async def test_an_unreachable_model(load):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bot = load(endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}", limits={"attempts": 1})
        answer = await bot.say("how many run?")
    assert answer.code == "BEDROCK_ERROR"
    assert "cannot be reached" in answer.text
    assert (await bot.say("model usage")).data["person"]["tokens"] == 0
    assert (await bot.say("show db-01")).status == "success"


async def test_a_request_times_out(load, model):
    bot = load(limits={"attempts": 1, "read": "100ms"})
    go = threading.Event()
    model.brain = lambda asked: says("Late.") if go.wait(20) else says("Never.")
    answer = await bot.say("how many run?")
    go.set()
    assert answer.code == "BEDROCK_ERROR"
    assert "did not answer" in answer.text
    assert "plugins.bedrock.limits.read" in answer.text


async def test_a_question_times_out_while_others_are_answered(load, model):
    bot = load(limits={"question": "5s"})
    go = threading.Event()
    model.brain = lambda asked: says("Late.") if go.wait(20) else says("Never.")
    await bot.app()
    answers = []

    async def ask() -> None:
        answers.append(await bot.say("how many run?"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        while not model.asked:
            await anyio.sleep(0.001)
        assert (await bot.say("show db-01")).status == "success"
        bot.clock.advance(5)
    go.set()
    assert answers[0].code == "BEDROCK_ERROR"
    assert "within 5 seconds" in answers[0].text


async def test_a_failed_assume_role_costs_no_tokens(load, model):
    bot = load(role="arn:aws:iam::123456789012:role/model")
    model.fault("sts:AssumeRole", "drop")
    assert (await bot.say("how many run?")).code == "BEDROCK_ERROR"
    assert (await bot.say("model usage")).data["person"]["tokens"] == 0


async def test_a_denied_assume_role(load, model, caplog):
    bot = load(role="arn:aws:iam::123456789012:role/model")
    model.deny("sts:AssumeRole")
    answer = await bot.say("how many run?")
    assert answer.code == "BEDROCK_ERROR"
    assert "plugins.bedrock.role" in answer.text
    assert "123456789012" not in answer.text
    assert "Traceback" not in caplog.text


async def test_a_loopback_endpoint_gets_no_real_keys(load, model, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "real-token")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    bot = load()
    model.brain = lambda asked: says("Three.")
    assert (await bot.say("how many run?")).text == "Three."
    headers = str(model.asked[0].headers)
    assert "look-alike" in headers
    assert "AKIAREAL" not in headers
    assert "real-token" not in headers


async def test_without_credentials(bot, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bot.load(smartops_bedrock, model="amazon.nova-pro-v1:0", region="eu-central-1")
    answer = await bot.say("how many run?")
    assert answer.code == "BEDROCK_ERROR"
    assert "no AWS credentials" in answer.text


class Slow:
    """A plugin with one command, which takes eight seconds."""

    def __init__(self, clock: ManualClock) -> None:
        self.ran = 0
        self._clock = clock

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        @command("look closely")
        async def look_closely() -> str:
            """Look closely."""
            self.ran += 1
            self._clock.advance(8)
            return "seen"

        return [look_closely]


async def test_no_commands_are_run_after_the_question_timed_out(load, model):
    bot = load(limits={"question": "5s"})
    slow = Slow(bot.clock)
    bot.load(slow, name="slow")
    model.brain = script(uses(*[("look_closely", {})] * 3), says("Never asked."))
    answer = await bot.say("what do you see?")
    assert answer.code == "BEDROCK_ERROR"
    assert "within 5 seconds" in answer.text
    assert slow.ran == 1
