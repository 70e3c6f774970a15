"""The tests that every channel must pass: subclass the contract and give it a driver.

::

    class TestMyChannel(ChannelContract):
        @pytest.fixture
        async def driver(self, bot: Bot) -> AsyncIterator[ChannelDriver]:
            async with MyPlatform.start(bot.clock) as platform:
                bot.load(my_plugin, **platform.settings())
                yield MyDriver(platform)

A driver is the platform's side: it makes the requests that the platform sends
when people do something, and returns what people see of the replies. It must
reject what the real platform rejects.

The tests are coroutines for anyio's pytest plugin. For readable failures, call
``pytest.register_assert_rewrite("smartops.testing.channels")`` before importing
this package.
"""

from .contract import ChannelContract, Harness
from .driver import ChannelDriver, Handshake, Press, ShownMessage, WireRequest, WireResponse

__all__ = [
    "ChannelContract",
    "ChannelDriver",
    "Handshake",
    "Harness",
    "Press",
    "ShownMessage",
    "WireRequest",
    "WireResponse",
]
