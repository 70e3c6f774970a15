"""What a governed answer costs, against bare echoes on the same server in the same run.

    python tests/bench/requests.py [--requests 4000] [--rounds 3] [--log info]

Prints requests a second, CPU a request and latency of

- a bare ASGI echo and a bare Quart echo,
- a signed `list instances` on the Teams channel (expectReplies, an activity id each): verified,
  de-duplicated, identified, limited, parsed, authorised, run, recorded and rendered as a card,
- the same request refused because its signature does not hold,

and the ratios that matter. All of them run at once and are asked in turn, so that what else the
machine does meanwhile meets them alike. Nothing here is a test; the machine decides the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from load import Result, post, run  # noqa: E402

from serving import Server  # noqa: E402
from smartops.testing import StandInIssuer  # noqa: E402

APP = "3f0c1a52-7b1e-4c9e-9a55-5d0f3a1b2c4d"
TENANT = "8a1d7c1e-52e0-4c28-9b64-0b6f8f6f4a11"
PERSON = "0d5f0b8e-9f4a-4a2e-8f0a-3c1f6a8f7e21"
SERVICE = "https://smba.trafficmanager.net/emea/"

CONFIG = """
store: {{url: "sqlite:///bench.db"}}
people:
  alice: {{roles: [operator], identities: ["teams:{tenant}:{person}"]}}
roles: {{operator: {{}}}}
rules: [{{name: operators, allow: {{roles: [operator]}}}}]
limits:
  user: {{limit: 1000000, window: 1m}}
  team: {{limit: 1000000, window: 1m}}
  burst: {{limit: 1000000, window: 10s}}
log: {{level: {log}}}
plugins:
  teams:
    app_id: {app}
    tenants: [{tenant}]
    issuer: {issuer}
    metadata: {metadata}
  fake: {{instances: 25}}
  instances: {{}}
"""


def activity(number: int) -> bytes:
    """Return a mention in a channel that wants its answer in the response."""
    return json.dumps(
        {
            "type": "message",
            "id": str(1700000000000 + number),
            "timestamp": "2026-11-24T10:00:00.000Z",
            "channelId": "msteams",
            "serviceUrl": SERVICE,
            "deliveryMode": "expectReplies",
            "from": {"id": "29:alice", "name": "Alice", "aadObjectId": PERSON},
            "recipient": {"id": f"28:{APP}", "name": "SmartOps"},
            "conversation": {
                "id": "19:abc@thread.tacv2;messageid=1700000000000",
                "conversationType": "channel",
                "tenantId": TENANT,
                "isGroup": True,
            },
            "channelData": {
                "tenant": {"id": TENANT},
                "team": {"id": "19:team@thread.tacv2"},
                "channel": {"id": "19:abc@thread.tacv2"},
            },
            "text": "<at>SmartOps</at> list instances",
            "entities": [
                {
                    "type": "mention",
                    "text": "<at>SmartOps</at>",
                    "mentioned": {"id": f"28:{APP}", "name": "SmartOps"},
                }
            ],
        }
    ).encode()


@contextmanager
def echo(kind: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the yardsticks."""
    command = [sys.executable, str(HERE / "echo.py"), kind, str(port)]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def reachable(port: int) -> None:
    """Wait until the server listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit(f"nothing listens on port {port}")


@dataclass(frozen=True, slots=True)
class Served:
    """Something that is measured: where it listens, and what it is sent."""

    name: str
    port: int
    pid: int
    make: Callable[[int], bytes]


async def measure(served: Sequence[Served], requests: int, rounds: int) -> list[Result]:
    """Warm up, then ask each in turn, several times; return the medians."""
    numbers = itertools.count()

    async def once(one: Served, many: int) -> Result:
        return await run(one.port, one.pid, lambda _: one.make(next(numbers)), requests=many)

    for one in served:
        await once(one, requests // 4)
    found: list[list[Result]] = [[] for _ in served]
    for _ in range(rounds):
        for one, results in zip(served, found, strict=True):
            results.append(await once(one, requests))
    return [_median(results) for results in found]


def _median(results: Sequence[Result]) -> Result:
    return Result(
        *(
            statistics.median(getattr(item, field) for item in results)
            for field in ("rate", "cpu", "p50", "p99")
        ),
        statuses=frozenset().union(*(item.statuses for item in results)),
    )


def show(name: str, result: Result) -> None:
    """Print one line."""
    statuses = ",".join(map(str, sorted(result.statuses)))
    print(
        f"{name:24} {result.rate:8.0f}/s {result.cpu:7.0f} µs CPU "
        f"p50 {result.p50 / 1000:6.1f} ms  p99 {result.p99 / 1000:6.1f} ms  HTTP {statuses}"
    )


def said(number: int, token: str) -> bytes:
    """Return the n-th request with this token."""
    return post("/api/messages", "127.0.0.1", activity(number), Authorization=f"Bearer {token}")


@contextmanager
def smartops(config: Path) -> Iterator[tuple[int, int]]:
    """Run SmartOps; return its port and its process."""
    server = Server(config).start()
    assert server.process is not None
    try:
        yield int(server.url.rpartition(":")[2]), server.process.pid
    finally:
        server.stop()


async def main(requests: int, rounds: int, log: str) -> None:
    """Measure all and print the ratios."""
    plain = post("/api/messages", "127.0.0.1", activity(0))
    async with StandInIssuer.start(audience=APP, endorsements=["msteams"]) as issuer:
        token = issuer.token(serviceurl=SERVICE)
        refused = said(0, token[:-8] + "AAAAAAAA")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            config = folder / "bench.yaml"
            values = {"app": APP, "tenant": TENANT, "person": PERSON, "log": log}
            values |= {"issuer": issuer.issuer, "metadata": issuer.metadata_url}
            config.write_text(CONFIG.format(**values))
            asgi = stack.enter_context(echo("asgi", 8701))
            quart = stack.enter_context(echo("quart", 8702))
            port, pid = await asyncio.to_thread(stack.enter_context, smartops(config))
            await reachable(8701)
            await reachable(8702)
            served = [
                Served("bare ASGI echo", 8701, asgi.pid, lambda _: plain),
                Served("bare Quart echo", 8702, quart.pid, lambda _: plain),
                Served("list instances", port, pid, lambda number: said(number, token)),
                Served("refused", port, pid, lambda _: refused),
            ]
            results = await measure(served, requests, rounds)
    for one, result in zip(served, results, strict=True):
        show(one.name, result)
    bare, web, full, shut = results
    print()
    print(f"list instances / Quart echo, CPU   {full.cpu / web.cpu:5.2f}   (aim: at most 1)")
    print(f"list instances / Quart echo, p99   {full.p99 / web.p99:5.2f}   (aim: below 3)")
    print(f"refused / ASGI echo, CPU           {shut.cpu / bare.cpu:5.2f}   (aim: at most 1.3)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=4000, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", default="warning", help="log level of SmartOps (to a file)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.requests, arguments.rounds, arguments.log))
