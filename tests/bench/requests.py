"""What a governed answer costs, against bare echoes on the same server in the same run.

    python tests/bench/requests.py [--requests 4000] [--rounds 3]

Prints requests a second, CPU a request and latency of

- a bare ASGI echo and a bare Quart echo,
- a signed `list instances` on the Teams channel (expectReplies, an activity id each): verified,
  de-duplicated, identified, limited, parsed, authorised, run, recorded and rendered as a card,
- the same request refused because its signature does not hold,

and the ratios that matter. Nothing here is a test; the machine decides the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
log: {{level: warning}}
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
    process = subprocess.Popen([sys.executable, str(HERE / "echo.py"), kind, str(port)])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def reachable(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit(f"nothing listens on port {port}")


async def measure(
    name: str, port: int, pid: int, make: Callable[[int], bytes], requests: int, rounds: int
) -> Result:
    """Warm up, then return the median of several rounds."""
    await run(port, pid, lambda number: make(-1 - number), requests=requests // 4)
    results = [
        await run(
            port, pid, lambda number, base=base: make(base * requests + number), requests=requests
        )
        for base in range(rounds)
    ]
    middle = Result(
        *(
            statistics.median(getattr(item, field) for item in results)
            for field in ("rate", "cpu", "p50", "p99")
        ),
        statuses=frozenset().union(*(item.statuses for item in results)),
    )
    statuses = ",".join(map(str, sorted(middle.statuses)))
    print(
        f"{name:24} {middle.rate:8.0f}/s {middle.cpu:7.0f} µs CPU "
        f"p50 {middle.p50 / 1000:6.1f} ms  p99 {middle.p99 / 1000:6.1f} ms  HTTP {statuses}"
    )
    return middle


async def main(requests: int, rounds: int) -> None:
    """Measure all and print the ratios."""
    plain = post("/api/messages", "127.0.0.1", activity(0))
    with echo("asgi", 8701) as asgi, echo("quart", 8702) as quart:
        await reachable(8701)
        await reachable(8702)
        bare_asgi = await measure(
            "bare ASGI echo", 8701, asgi.pid, lambda _: plain, requests, rounds
        )
        bare_quart = await measure(
            "bare Quart echo", 8702, quart.pid, lambda _: plain, requests, rounds
        )
    async with StandInIssuer.start(audience=APP, endorsements=["msteams"]) as issuer:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "bench.yaml"
            config.write_text(
                CONFIG.format(
                    app=APP,
                    tenant=TENANT,
                    person=PERSON,
                    issuer=issuer.issuer,
                    metadata=issuer.metadata_url,
                )
            )
            server = await asyncio.to_thread(Server(config).start)
            assert server.process is not None
            port, pid = int(server.url.rpartition(":")[2]), server.process.pid
            token = issuer.token(serviceurl=SERVICE)
            forged = token[:-8] + "AAAAAAAA"

            def signed(number: int) -> bytes:
                return post(
                    "/api/messages", "127.0.0.1", activity(number), Authorization=f"Bearer {token}"
                )

            bad = post("/api/messages", "127.0.0.1", activity(0), Authorization=f"Bearer {forged}")
            full = await measure("list instances", port, pid, signed, requests, rounds)
            refused = await measure("refused", port, pid, lambda _: bad, requests, rounds)
            server.stop()
    print()
    print(f"list instances / Quart echo, CPU   {full.cpu / bare_quart.cpu:5.2f}   (aim: \u2264 1)")
    print(f"list instances / Quart echo, p99   {full.p99 / bare_quart.p99:5.2f}   (aim: below 3)")
    print(f"refused / ASGI echo, CPU           {refused.cpu / bare_asgi.cpu:5.2f}   (aim: 1.3)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a governed answer costs.")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.requests, arguments.rounds))
