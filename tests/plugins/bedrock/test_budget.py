"""The daily token budget, and the command that shows it."""

from __future__ import annotations

import threading

import anyio
import pytest

from smartops_simulators.aws import AwsError, says, uses

pytestmark = pytest.mark.anyio

LIST = ("list_instances", {})
MIDNIGHT = 16 * 3600  # seconds after the start of the manual clock


async def test_usage_is_shown(load, model):
    bot = load(budget={"person": 10_000, "everybody": 50_000})
    model.brain = lambda asked: says("Three.") if len(asked.messages) > 1 else uses(LIST)
    await bot.say("how many?")
    await bot.say("how many?", user="bob")
    answer = await bot.say("model usage")
    assert answer.data["person"] == {"tokens": 1500, "limit": 10_000, "requests": 2}
    assert answer.data["everybody"] == {"tokens": 3000, "limit": 50_000, "requests": 4}
    assert answer.data["resetsAt"] == "2027-01-16T00:00:00Z"
    assert "1,500 of 10,000 tokens (15%), 2 requests" in answer.text
    assert "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" in answer.text


async def test_usage_shows_no_arn(load, model):
    arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0"
    bot = load(model=arn)
    model.brain = lambda asked: says("Hello.")
    await bot.say("hello there")
    assert model.asked[0].model == arn
    answer = await bot.say("model usage")
    assert answer.data["model"] == "eu.amazon.nova-pro-v1:0"
    assert "123456789012" not in answer.text


async def test_the_budget_of_a_person_resets_at_midnight(load, model):
    bot = load(budget={"person": 8000})
    model.brain = lambda asked: says("Three.")
    answers = [await bot.say("how many?") for _ in range(10)]
    refused = [answer for answer in answers if answer.code]
    assert 0 < len(refused) < 10
    assert refused == answers[-len(refused) :]
    assert len(model.asked) == 10 - len(refused)
    assert 750 * len(model.asked) <= 8000
    last = refused[-1]
    assert last.code == "RATE_LIMITED"
    assert last.reply.error.retry_after == MIDNIGHT + 1
    assert "tokens left today for the language model, and this question may use" in last.text
    assert "8,000 tokens a day" in last.text
    assert "Typed commands still work" in last.text
    assert (await bot.say("show db-01")).status == "success"
    assert (await bot.say("how many?", user="bob")).text == "Three."
    await bot.aclose()
    assert (await bot.say("how many?")).code == "RATE_LIMITED"
    bot.clock.advance(MIDNIGHT)
    assert (await bot.say("how many?")).text == "Three."


async def test_the_budget_of_all_people(load, model):
    bot = load(budget={"everybody": 6_000})
    model.brain = lambda asked: says("Three.")
    answers = [await bot.say("how many?", user=f"user{number}") for number in range(8)]
    assert answers[0].text == "Three."
    assert answers[-1].code == "RATE_LIMITED"
    assert "All together" in answers[-1].text
    assert 750 * len(model.asked) <= 6_000


async def test_concurrent_questions_stay_within_the_budget(load, model):
    bot = load(budget={"person": 8000})
    go = threading.Event()

    def brain(asked):
        assert go.wait(20)
        return says("Three.")

    model.brain = brain
    await bot.app()
    codes: list[str] = []

    async def ask(number: int) -> None:
        codes.append((await bot.say("how many?", conversation=f"c{number}")).code)

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(ask, number)
        while len(codes) < 6:  # refused while the others are under way
            await anyio.sleep(0.001)
        go.set()
    assert len(model.asked) <= 2
    assert codes.count("") == len(model.asked)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (AwsError("ThrottlingException", "Too many requests", 429), False),
        (AwsError("AccessDeniedException", "You don't have access to the model", 403), False),
        (AwsError("ModelTimeoutException", "The model timed out", 408), True),
        (AwsError("ModelErrorException", "The model failed", 424), True),
    ],
    ids=lambda value: getattr(value, "code", None),
)
async def test_failures_count_if_aws_may_charge_for_them(load, model, error, counts):
    bot = load(limits={"attempts": 1})
    model.brain = lambda asked: error
    assert (await bot.say("how many?")).code == "BEDROCK_ERROR"
    used = (await bot.say("model usage")).data["person"]
    assert (used["tokens"] > 0) is counts


async def test_an_answer_without_usage_counts_in_full(load, model):
    bot = load()
    answer = dict(says("Three."))
    del answer["usage"]
    model.brain = lambda asked: answer
    await bot.say("how many?")
    assert (await bot.say("model usage")).data["person"]["tokens"] > 1024


async def test_the_counters_of_processes_are_added_up(load, model, bot):
    load(budget={"person": 10_000})
    model.brain = lambda asked: says("Three.")
    await bot.say("how many?")
    store = (await bot.app()).store
    (key,) = await store.facts("smartops_bedrock", "tokens/")
    other = key.rpartition("/")[0] + "/of-another-process"
    await store.put_fact("smartops_bedrock", other, "[2000, 3]")
    used = (await bot.say("model usage")).data["person"]
    assert used == {"tokens": 2750, "limit": 10_000, "requests": 4}
    await store.put_fact("smartops_bedrock", other, "[9990, 3]")
    assert (await bot.say("how many?")).code == "RATE_LIMITED"
