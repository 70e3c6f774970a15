"""The one place that catches what plugin code raises."""

import asyncio
import logging

import pytest

from smartops.contained import CANCELLED, Caught, PluginFailed, contained
from smartops.errors import Refusal, ValidationFailed

log = logging.getLogger("smartops.test")


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(2), KeyboardInterrupt(), Refusal])
def test_caught_holds_and_logs_every_failure(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with Caught(log, "channel %s failed", "parrot") as caught:
        raise error
    assert isinstance(caught.error, BaseException)
    assert "channel parrot failed" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", CANCELLED)
def test_caught_lets_cancellation_pass(error: type[BaseException]) -> None:
    with pytest.raises(error), Caught(log, "failed") as caught:
        raise error
    assert caught.error is None


def test_exceptions_of_plugin_code_name_the_plugin() -> None:
    async def failing(error: BaseException) -> None:
        raise error

    with pytest.raises(ValueError, match="bad") as noted:
        asyncio.run(contained("parrot", failing(ValueError("bad"))))
    assert noted.value.__notes__ == ["raised in the plugin parrot"]
    with pytest.raises(PluginFailed, match="the plugin parrot raised SystemExit"):
        asyncio.run(contained("parrot", failing(SystemExit())))
    with pytest.raises(ValidationFailed):
        asyncio.run(contained("parrot", failing(ValidationFailed("no"))))
