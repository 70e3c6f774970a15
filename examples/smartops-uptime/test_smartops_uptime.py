import pytest
import smartops_uptime

pytestmark = pytest.mark.anyio


async def test_in_chat(bot):
    bot.load(smartops_uptime)
    assert (await bot.say("uptime")).text == "3 days"


async def test_directly():
    assert await smartops_uptime.uptime(None) == "3 days"
