"""What an acknowledged message costs, against the SDKs of the platforms in the same run.

    python tests/bench/rivals.py --venv FOLDER [--requests 2000] [--rate 50]

SmartOps is served by hypercorn, with the plugins api, teams and slack and its
whole gate on: proof, duplicates, people, limits, parsing, rules, records in SQLite, commands. It
runs against

- slack-bolt's echo (AsyncApp on its ASGI adapter under uvicorn, signatures checked): a signed
  slash command, acknowledged at once and answered by the response URL; SmartOps is asked `whoami`,
- the echo of Microsoft's Agents SDK (hosting-aiohttp, tokens checked): a signed message of Teams,
  answered in the response (expectReplies) or by the connector; SmartOps lists 25 instances, and
  in one more case is asked `whoami`, which is like an echo.

The servers take turns, round by round. Each scenario is run as fast as answers come, on sixteen
connections, and at a steady rate. The CPU is that of the server's process with all its threads
until it is quiet again, so whatever follows the acknowledgement is in it. What the bots call is a
stand-in that always says yes.

What is not alike: a list of 25 instances is 13 KB of card, which SmartOps makes, searches for
secrets and stores for duplicates; the SDK's echo is a line. SmartOps keeps every message durably
before it acknowledges it, the rivals keep nothing. The Agents SDK answers a message only after its
answer was sent, SmartOps before. It is not given a login to ask for tokens, and the address of the
Bot Framework's keys is changed in its table. Both check a token's signature each time. SmartOps
sends at most 30 answers a second, as Teams demands; the SDK does not keep to that, so SmartOps
does not here (unpaced.py).

The rivals are installed by pip into an environment of their own, FOLDER. Nothing here is a test;
the machine decides the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from load import Result, post, run, steady  # noqa: E402
from requests import APP, PERSON, TENANT, activity, reachable  # noqa: E402

import serving  # noqa: E402
from serving import Server  # noqa: E402
from slack_payloads import ALICE, SECRET, TEAM, Signer, slash  # noqa: E402
from smartops import Clock  # noqa: E402
from smartops.testing import StandInIssuer  # noqa: E402

PACKAGES = (
    "slack-bolt",
    "aiohttp",
    "uvicorn",
    "microsoft-agents-hosting-core",
    "microsoft-agents-hosting-aiohttp",
    "cryptography",  # what its token check cannot do without
)
FRAMEWORK = "https://api.botframework.com"
PLATFORMS, BOLT, AGENTS = 8710, 8711, 8712
SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
PATH = "/api/messages"

CONFIG = """
store: {{url: "sqlite:///bench.db"}}
auth:
  issuers: [{{name: local, kind: local, key: local.pem, issuer: "https://bench", audience: bench}}]
people:
  alice:
    roles: [operator]
    identities: ["teams:{tenant}:{person}", "slack:{team}:{user}"]
roles: {{operator: {{}}}}
rules: [{{name: operators, allow: {{roles: [operator]}}}}]
limits:
  user: {{limit: 1000000, window: 1m}}
  team: {{limit: 1000000, window: 1m}}
  burst: {{limit: 1000000, window: 10s}}
log: {{level: warning}}
plugins:
  api: {{}}
  teams:
    app_id: {app}
    tenants: [{tenant}]
    metadata: {metadata}
    client_secret: ${{BENCH_SECRET}}
    login_url: {platforms}
    service_hosts: [127.0.0.1]
  slack:
    bot_token: ${{BENCH_BOT_TOKEN}}
    signing_secret: ${{BENCH_SECRET}}
    workspaces: [{team}]
    api_url: {platforms}/api/
  fake: {{instances: 25}}
  instances: {{}}
"""

Make = Callable[[int], bytes]
Measure = Callable[[int, int, Make], Awaitable[Result]]


@dataclass(frozen=True)
class Contender:
    """A server, and what it is asked: the n-th request."""

    name: str
    port: int
    pid: int
    make: Make


def installed(folder: Path) -> str:
    """Return the Python of the rivals' environment, which is made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    listed = [python, "-m", "pip", "list", "--format", "json"]
    found = json.loads(subprocess.run(listed, check=True, capture_output=True).stdout)
    versions = {item["name"].replace("_", "-").lower(): item["version"] for item in found}
    print(", ".join(f"{name} {versions[name]}" for name in PACKAGES))
    return str(python)


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as long as the context lasts."""
    running = subprocess.Popen(command)
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def slash_commands(text: str) -> Make:
    """Return a function that makes signed slash commands, each with an id of its own."""
    signer = Signer(Clock())
    series = secrets.token_hex(4)

    def make(number: int) -> bytes:
        fields = slash(
            text,
            trigger_id=f"{series}.{number}",
            response_url=f"http://127.0.0.1:{PLATFORMS}/commands/{series}/{number}",
        )
        body, now = urlencode(fields).encode(), str(int(time.time()))
        signed = {
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": signer.signature(body, now),
        }
        return post(PATH, "127.0.0.1", body, kind="application/x-www-form-urlencoded", **signed)

    return make


def activities(token: str, *, expect_replies: bool, text: str = "list instances") -> Make:
    """Return what makes signed messages of Teams, each another one, in many conversations."""
    series = secrets.randbelow(10**6) * 10**7

    def make(number: int) -> bytes:
        body = json.loads(activity(series + number))
        body["text"] = body["text"].replace("list instances", text)
        body["serviceUrl"] = f"http://127.0.0.1:{PLATFORMS}/"
        body["conversation"]["id"] += str(number % 1000)
        if not expect_replies:
            del body["deliveryMode"]
        return post(PATH, "127.0.0.1", json.dumps(body).encode(), Authorization=f"Bearer {token}")

    return make


async def compare(
    title: str, contenders: Sequence[Contender], measure: Measure, rounds: int
) -> list[Result]:
    """Measure all in turns, print what each came to, and return that in their order."""
    print(f"\n{title}")
    found: dict[str, list[Result]] = {item.name: [] for item in contenders}
    for turn in range(rounds + 1):
        for item in contenders:
            make = partial(_shifted, item.make, turn)
            result = await measure(item.port, item.pid, make)
            if turn:  # the first is for warming up
                found[item.name].append(result)
    return [_told(name, results) for name, results in found.items()]


def _shifted(make: Make, turn: int, number: int) -> bytes:
    return make(turn * 100_000 + number)


def _told(name: str, results: Sequence[Result]) -> Result:
    times = tuple(sorted(value for item in results for value in item.times))
    whole = Result(
        *(statistics.median(getattr(item, field) for item in results) for field in ("rate", "cpu")),
        p50=0.0,
        p99=0.0,
        statuses=frozenset().union(*(item.statuses for item in results)),
        times=times,
    )
    latencies = "  ".join(f"p{share * 100:g} {whole.latency(share) / 1000:.1f}" for share in SHARES)
    statuses = ",".join(map(str, sorted(whole.statuses)))
    print(
        f"  {name:10} {whole.rate:6.0f}/s {whole.cpu:6.0f} µs CPU  ms: {latencies}  HTTP {statuses}"
    )
    return whole


def ratios(title: str, ours: Result, theirs: Result, aim: str) -> None:
    """Print how SmartOps stands to a rival."""
    latencies = "  ".join(
        f"p{share * 100:g} {ours.latency(share) / theirs.latency(share):.2f}" for share in SHARES
    )
    print(f"  {title:28} CPU {ours.cpu / theirs.cpu:.2f}  latency {latencies}   (aim: {aim})")


@contextmanager
def smartops(folder: Path, metadata: str) -> Iterator[tuple[int, int]]:
    """Serve SmartOps, and yield its port and process."""
    config = folder / "bench.yaml"
    config.write_text(
        CONFIG.format(
            app=APP,
            tenant=TENANT,
            person=PERSON,
            team=TEAM,
            user=ALICE,
            metadata=metadata,
            platforms=f"http://127.0.0.1:{PLATFORMS}",
        )
    )
    serving.SMARTOPS[:] = [sys.executable, str(HERE / "unpaced.py")]
    server = Server(config).start(BENCH_SECRET=SECRET, BENCH_BOT_TOKEN="xoxb-1-2-three")
    assert server.process is not None
    try:
        yield int(server.url.rpartition(":")[2]), server.process.pid
    finally:
        server.stop()


async def main(folder: Path, requests: int, rounds: int, rate: float) -> None:
    """Measure all and print the ratios."""
    python = installed(folder)
    claims = {"serviceurl": f"http://127.0.0.1:{PLATFORMS}/", "sub": None}
    async with StandInIssuer.start(
        issuer=FRAMEWORK, audience=APP, claims=claims, endorsements=["msteams"]
    ) as issuer:
        with ExitStack() as stack:
            started = partial(_started, stack)
            await started(PLATFORMS, sys.executable, "platforms.py", str(PLATFORMS))
            url = f"http://127.0.0.1:{PLATFORMS}/api/"
            bolt = await started(BOLT, python, "echo_bolt.py", str(BOLT), url, SECRET)
            agents = await started(
                AGENTS,
                python,
                "echo_agents.py",
                str(AGENTS),
                APP,
                TENANT,
                FRAMEWORK,
                issuer.keys_url,
            )
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            served = smartops(home, issuer.metadata_url)
            port, pid = await asyncio.to_thread(stack.enter_context, served)
            flat_out = partial(run, requests=requests, after=True)
            paced = partial(steady, requests=requests, rate=rate)
            token = issuer.token()

            whoami = slash_commands("whoami")
            slack = [
                Contender("SmartOps", port, pid, whoami),
                Contender("Bolt", BOLT, bolt, whoami),
            ]
            fast = await compare("Slack, slash command, flat out", slack, flat_out, rounds)
            even = await compare(f"Slack, {rate:g} a second", slack, paced, rounds)

            asked = activities(token, expect_replies=True)
            teams = [
                Contender("SmartOps", port, pid, asked),
                Contender("SDK", AGENTS, agents, asked),
            ]
            replies = await compare("Teams, expectReplies, flat out", teams, flat_out, rounds)
            who = activities(token, expect_replies=True, text="whoami")
            teams = [Contender("SmartOps", port, pid, who), Contender("SDK", AGENTS, agents, who)]
            echo = await compare("Teams, expectReplies, whoami", teams, flat_out, rounds)
            said = activities(token, expect_replies=False)
            teams = [Contender("SmartOps", port, pid, said), Contender("SDK", AGENTS, agents, said)]
            message = await compare("Teams, message, flat out", teams, flat_out, rounds)
            calm = await compare(f"Teams, message, {rate:g} a second", teams, paced, rounds)

    print("\nSmartOps / rival")
    ratios("Bolt, flat out", *fast, aim="latency below 1")
    ratios(f"Bolt, {rate:g} a second", *even, aim="latency below 1")
    ratios("Agents SDK, expectReplies", *replies, aim="CPU at most 0.5")
    ratios("Agents SDK, whoami", *echo, aim="CPU at most 0.5")
    ratios("Agents SDK, message", *message, aim="CPU at most 0.5")
    ratios(f"Agents SDK, {rate:g} a second", *calm, aim="CPU at most 0.5")


async def _started(stack: ExitStack, port: int, python: str, script: str, *arguments: str) -> int:
    running = stack.enter_context(process(python, str(HERE / script), *arguments))
    await reachable(port)
    return running.pid


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--venv", type=Path, required=True, help="environment for the rivals")
    parser.add_argument("--requests", type=int, default=2000, help="in each round")
    parser.add_argument("--rounds", type=int, default=3, help="besides the one for warming up")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second, where paced")
    given = parser.parse_args()
    asyncio.run(main(given.venv, given.requests, given.rounds, given.rate))
