"""The test kit where it is more than the product: a kill, forms, progress, and services."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import anyio
import pytest
from aiohttp import web

from smartops import Services, Work, command, hookimpl
from smartops.testing import (
    Bot,
    ManualClock,
    MemoryKeyValueStore,
    http_client,
    offline_services,
)

pytestmark = pytest.mark.anyio


class Builder:
    """A plugin whose command builds in two steps, and counts what happens."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.cleaned = 0
        self.begun = anyio.Event()
        self.release = anyio.Event()

    @hookimpl
    def register_commands(self, services: Services) -> list[object]:
        self.services = services

        @command("build {house}", effect="change", deadline=timedelta(hours=1))
        async def build(house: str, work: Work, floors: int = 1) -> str:
            """Build a house."""
            await work.once("dig", self._step)
            await work.progress("building", done=1, total=2)
            self.begun.set()
            try:
                await self.release.wait()
            finally:
                self.cleaned += 1
            await work.once("roof", self._step)
            await services.kv.put("last", house)
            return f"{house} has {floors} floors"

        return [build]

    async def _step(self) -> None:
        self.steps.append(f"step {len(self.steps) + 1}")


@pytest.fixture
def builder(bot: Bot) -> Builder:
    builder = Builder()
    bot.load(builder, name="builder")
    return builder


async def test_a_killed_bot_resumes_what_was_durable(bot: Bot, builder: Builder) -> None:
    asked = await bot.say("build tower")
    confirm = asked.action("confirm")
    async with anyio.create_task_group():  # a task group of the test's own disturbs nothing
        pressing = asyncio.create_task(bot.press(confirm, id="1"))
        await builder.begun.wait()
        await bot.restart()
        with pytest.raises(ConnectionResetError):
            await pressing
    assert builder.cleaned == 1
    builder.release.set()
    answer = await bot.press(confirm, id="1")
    assert answer.text == "tower has 1 floors"
    assert builder.steps == ["step 1", "step 2"]
    assert bot.progress == ["building (1 of 2)"]
    assert await bot.services.of("builder").kv.get("last") == "tower"


async def test_a_form_is_filled_in(bot: Bot, builder: Builder) -> None:
    bot.asks = True
    builder.release.set()
    asked = await bot.say("build --floors 3")
    assert [field.name for field in asked.form.fields] == ["house"]
    plan = await bot.fill(asked.form, house="tower")
    assert (await bot.press(plan.action("confirm"))).text == "tower has 3 floors"


async def test_plugins_get_the_services_that_the_bot_has(bot: Bot, builder: Builder) -> None:
    services = bot.services
    await bot.say("help")
    assert services is bot.services
    assert builder.services == services.of("builder")


async def test_the_http_client_and_the_store_for_unit_tests() -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    server = web.Application()
    server.router.add_get("/", hello)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with http_client() as client:
        services = offline_services(ManualClock(), client)
        reply = await services.http.request("GET", f"http://{host}:{port}/")
    await runner.cleanup()
    assert reply.body == b"hello"
    values = services.of("mine").kv
    await values.put("a1", "one")
    await values.put("b1", "two")
    assert await values.items("a") == {"a1": "one"}
    await values.delete("a1")
    assert await values.get("a1") is None
    assert await values.swap("b1", "two", "three")
    assert not await values.swap("b1", "two", "four")
    assert not await values.swap("b1", None, "five")
    assert await values.swap("b1", "three", None)
    assert await values.items() == {}
    with pytest.raises(ValueError, match="too large"):
        await MemoryKeyValueStore().put("k", "x" * 70_000)
