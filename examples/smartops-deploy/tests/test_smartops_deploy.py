import asyncio
import json
from collections.abc import AsyncIterator

import anyio
import pytest
import smartops_deploy
from aiohttp import web

from smartops import Secret
from smartops.testing import Bot, BotReply

pytestmark = pytest.mark.anyio

TOKEN = "secret-of-the-tests"


class Platform:
    """A server of the deployment API."""

    def __init__(self) -> None:
        self.versions = {"shop": "1.4.1", "search": "2.0.0"}
        self.state, self.body, self.token = "running", b"", TOKEN
        self.started: dict[str, str] = {}
        self.activated: list[str] = []
        self.polled = anyio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != f"Bearer {self.token}":
            raise web.HTTPForbidden
        if self.body:
            return web.Response(body=self.body)
        return web.json_response(
            getattr(self, request.match_info.route.name)(request, await request.read())
        )

    def services(self, request: web.Request, body: bytes) -> object:
        items = self.versions.items()
        return {"services": [{"name": name, "version": version} for name, version in items]}

    def start(self, request: web.Request, body: bytes) -> object:
        sent = json.loads(body)
        self.started.setdefault(sent["key"], sent["version"])
        return {"id": "d1"}

    def deployment(self, request: web.Request, body: bytes) -> object:
        self.polled.set()
        return {"state": self.state, "done": 1, "total": 3}

    def activate(self, request: web.Request, body: bytes) -> object:
        self.activated.append(request.match_info["id"])
        (self.versions["shop"],) = self.started.values()
        return {}


@pytest.fixture
async def platform(bot: Bot) -> AsyncIterator[Platform]:
    platform, app = Platform(), web.Application()
    app.router.add_get("/services", platform.answer, name="services")
    app.router.add_post("/services/{name}/deployments", platform.answer, name="start")
    app.router.add_get("/deployments/{id}", platform.answer, name="deployment")
    app.router.add_post("/deployments/{id}/activate", platform.answer, name="activate")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    bot.load(smartops_deploy, url=f"http://{host}:{port}", token=Secret(TOKEN))
    yield platform
    await bot.aclose()
    await runner.cleanup()


async def ended(bot: Bot, call: "asyncio.Task[BotReply]") -> BotReply:
    with anyio.fail_after(10):
        while not call.done():
            bot.clock.advance(1)
            await anyio.sleep(0.01)
    return await call


async def test_services_are_listed(bot: Bot, platform: Platform) -> None:
    answer = await bot.say("list services")
    assert answer.data["services"] == platform.versions


async def test_a_version_is_deployed_after_its_plan_was_confirmed(
    bot: Bot, platform: Platform
) -> None:
    asked = await bot.say("deploy shop v1.4.2")
    assert "1.4.1" in asked.text
    assert "1.4.2" in asked.text
    assert platform.started == {}
    call = asyncio.create_task(bot.press(asked.action("confirm")))
    await platform.polled.wait()
    platform.state = "ready"
    assert (await ended(bot, call)).text == "shop 1.4.2 is deployed."
    assert bot.progress == ["Deploying shop 1.4.2 (1 of 3)"]
    assert (platform.activated, platform.versions["shop"]) == (["d1"], "1.4.2")


async def test_a_deployment_is_resumed_after_a_crash(bot: Bot, platform: Platform) -> None:
    confirm = (await bot.say("deploy shop 1.4.2")).action("confirm")
    call = asyncio.create_task(bot.press(confirm, id="1"))
    await platform.polled.wait()
    await bot.restart()
    with pytest.raises(ConnectionResetError):
        await call
    platform.state = "ready"
    answer = await ended(bot, asyncio.create_task(bot.press(confirm, id="1")))
    assert answer.text == "shop 1.4.2 is deployed."
    assert (len(platform.started), platform.activated) == (1, ["d1"])


async def test_a_form_offers_the_services_of_the_api(bot: Bot, platform: Platform) -> None:
    bot.asks = True
    form = (await bot.say("deploy")).form
    assert form.fields[0].choices == ("shop", "search")
    assert "Deploy search 2.0.1" in (await bot.fill(form, service="search", version="2.0.1")).text


async def test_wrong_values_are_refused(bot: Bot, platform: Platform) -> None:
    assert "Did you mean shop?" in (await bot.say("deploy shpo 1.4.2")).text
    answer = await bot.say("deploy shop newest")
    assert 'version must be a version such as 1.4.2, not "newest"' in answer.text


async def test_a_failed_deployment_is_not_activated(bot: Bot, platform: Platform) -> None:
    platform.state = "failed"
    answer = await bot.confirm("deploy shop 1.4.2")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert "The deployment d1 failed" in answer.text
    assert platform.activated == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"body": b"<html>Welcome</html>"}, "BACKEND_UNAVAILABLE"),
        ({"body": b'{"services": 7}'}, "BACKEND_UNAVAILABLE"),
        ({"token": "another"}, "PERMISSION_DENIED"),
    ],
)
async def test_wrong_answers_of_the_api_are_refused(
    bot: Bot, platform: Platform, wrong: dict[str, str], code: str
) -> None:
    vars(platform).update(wrong)
    answer = await bot.say("list services")
    assert answer.code == code
    assert TOKEN not in answer.text
