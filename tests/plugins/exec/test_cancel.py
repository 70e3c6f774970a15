from __future__ import annotations

import anyio
import pytest

from machines import machine
from smartops import BackendUnavailable

pytestmark = pytest.mark.anyio
SCRIPTS = [{"script": "df -h", "read_only": True}]


@pytest.fixture
def stuck(load):
    """Return a plugin whose script is running, and whose poll never returns."""
    plugin = load({}, scripts=SCRIPTS)
    polled = anyio.Event()

    async def never(run_id):
        polled.set()
        await anyio.sleep_forever()

    plugin.runner.results = never
    return plugin, machine("i-1"), polled


async def test_a_cancelled_task_asks_the_runner_to_stop(stuck):
    plugin, target, polled = stuck
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(plugin.run, "df -h", target)
        await polled.wait()
        assert plugin.runner.cancelled == []
        tasks.cancel_scope.cancel()
    assert plugin.runner.cancelled == ["run-1"]


async def test_a_task_is_cancelled_although_the_runner_cannot_stop_the_script(stuck):
    plugin, target, polled = stuck
    plugin.runner.cancel_fault = BackendUnavailable("away")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(plugin.run, "df -h", target)
        await polled.wait()
        tasks.cancel_scope.cancel()
    assert tasks.cancel_scope.cancelled_caught
