"""What a message costs without a server around it, and what a large fleet does to the loop.

    python tests/bench/inprocess.py [--messages 4000]

Prints

- CPU a message from Message to Reply, all threads, `whoami` and a plugin's command, each with an
  id of its own (so that it is claimed and audited), sixteen at a time, with 1, 10 and 100
  plugins loaded,
- the CPU of the first page of `list instances` over 10,000 instances, written as the wire
  contract has it, and the longest turn of the event loop meanwhile: what anybody else would have
  had to wait. Both are CPU of the loop's thread, which on a busy machine says more than the clock.

Nothing here is a test; the machine decides the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from smartops import Call, Identity, Message, command, hookimpl
from smartops.app import App, compose
from smartops.channels import Place
from smartops.wire import dump_json, envelope

CONFIG = """
store: {url: "sqlite:///bench.db"}
people:
  alice: {roles: [operator], identities: ["api:alice"]}
roles: {operator: {}}
rules: [{name: operators, allow: {roles: [operator]}}]
auth: {anonymous: true}
limits:
  user: {limit: 1000000, window: 1m}
  team: {limit: 1000000, window: 1m}
  burst: {limit: 1000000, window: 10s}
plugins:
"""
TOGETHER = 16
ROUNDS = 5
NUMBERS = itertools.count()
FLEET = 10_000


def plugin(number: int) -> ModuleType:
    """Return a plugin with one command."""
    name = f"bench_plugin_{number}"
    module = ModuleType(name)

    @command(f"speak {number}")
    async def speak(call: Call) -> str:
        """Say something."""
        return "Something"

    @hookimpl
    def register_commands() -> Sequence[object]:
        return [speak]

    module.register_commands = register_commands  # type: ignore[attr-defined]
    sys.modules[name] = module
    return module


@asynccontextmanager
async def running(plugins: str) -> AsyncIterator[App]:
    """Run an app with these plugins, as YAML."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.yaml"
        config.write_text(CONFIG + plugins)
        async with App(compose(config)) as app:
            yield app


def message(text: str) -> Message:
    """Return a new message of alice with this text."""
    number = next(NUMBERS)
    return Message(
        id=str(number),
        channel="api",
        conversation="bench",
        sender=Identity("api", "", "alice"),
        place=Place("api"),
        at=datetime.now(UTC),
        request_id=f"bench-{number}",
        text=text,
    )


async def cost(app: App, text: str, messages: int) -> float:
    """Return the CPU of one message in microseconds, all threads: the median of some rounds."""
    costs = []
    for _ in range(ROUNDS + 1):
        waiting = iter([message(text) for _ in range(messages)])

        async def say() -> None:
            for one in waiting:  # noqa: B023 - they are done before it changes
                reply = await app.handle(one)
                assert reply.status == "success", reply

        begin = time.process_time()
        await asyncio.gather(*(say() for _ in range(TOGETHER)))
        costs.append((time.process_time() - begin) / messages * 1e6)
    return statistics.median(costs[1:])


async def messages_by_plugins(messages: int) -> None:
    """Print what a message costs with 1, 10 and 100 plugins."""
    found: dict[int, list[float]] = {}
    for count in (1, 10, 100):
        for number in range(count):
            plugin(number)
        names = "".join(f"  bench_plugin_{number}:\n" for number in range(count))
        async with running(names) as app:
            last = count - 1
            found[count] = [await cost(app, text, messages) for text in ("whoami", f"speak {last}")]
        whoami, speak = found[count]
        print(f"{count:4} plugins   whoami {whoami:6.1f} µs   a command {speak:6.1f} µs")
    ratio = max(found[100][i] / found[1][i] for i in (0, 1))
    print(f"100 plugins / 1 plugin             {ratio:5.2f}   (aim: flat)")


class Turns:
    """Measures how long the turns of the loop are, in CPU of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._stopped = False
        self._look(time.thread_time())

    def _look(self, before: float) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - before)
        if not self._stopped:
            asyncio.get_running_loop().call_soon(self._look, now)

    def stop(self) -> float:
        """Return the longest in milliseconds."""
        self._stopped = True
        return self.longest * 1000


async def first_page(app: App) -> None:
    """Ask for the first page and write the answer."""
    reply = await app.handle(message("list instances"))
    assert reply.data["summary"]["total"] == FLEET
    dump_json(envelope(reply, datetime.now(UTC)))


async def large_fleet() -> None:
    """Print how the first page of 10,000 instances comes."""
    async with running(f"  fake: {{instances: {FLEET}}}\n  instances:\n") as app:
        times, turns = [], []
        for _ in range(20):
            begin = time.thread_time()
            await first_page(app)
            times.append((time.thread_time() - begin) * 1000)
        for _ in range(20):
            watch = Turns()
            await first_page(app)
            await asyncio.sleep(0)
            turns.append(watch.stop())
    print(
        f"{FLEET:,} instances   first time {times[0]:5.1f} ms   "
        f"then {statistics.median(times[1:]):5.1f} ms   (aim: at most 50)"
    )
    print(f"longest turn of the loop          {max(turns):6.1f} ms   (aim: at most 20)")


async def main(messages: int) -> None:
    """Measure all."""
    await messages_by_plugins(messages)
    await large_fleet()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=4000, help="in each of five rounds")
    asyncio.run(main(parser.parse_args().messages))
