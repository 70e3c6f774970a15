"""What every channel must do, as tests: subclass the contract and hand it a driver.

::

    class TestMyChannel(ChannelContract):
        @pytest.fixture
        async def driver(self, bot: Bot) -> AsyncIterator[ChannelDriver]:
            async with MyPlatform.start(bot.clock) as platform:
                bot.load(my_plugin, **platform.settings())
                yield MyDriver(platform)

A driver is the platform's side: it makes the requests by which the platform
tells of what people do, and says what people see of the answers. What the
platform would refuse, the driver's platform refuses too.

The tests are coroutines for anyio's pytest plugin. For readable failures, call
``pytest.register_assert_rewrite("smartops.testing.channels")`` before importing
this package.
"""

from .contract import ChannelContract
from .driver import Answered, ChannelDriver, Handshake, Press, Seen, Wire

__all__ = ["Answered", "ChannelContract", "ChannelDriver", "Handshake", "Press", "Seen", "Wire"]
