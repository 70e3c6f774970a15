"""Listing 10,000 instances: the SDK's own parser against ours, in one run.

    python tests/bench/aws_parsing.py [INSTANCES [REGIONS]]

Then the first page, a page that follows it 5 seconds later, and the newest
measurements of all instances.

The simulated AWS runs in a process of its own, so that what is printed is the
price of asking alone: CPU of this process, the longest time for which the event
loop was kept from its work meanwhile, and what the listing took altogether. Other
processes on the machine count into the last two.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import anyio
import botocore.session
from anyio import to_thread

from smartops import Clock, Instance
from smartops.backends import Query
from smartops.fleet import ComputeGroup, MetricsGroup, group
from smartops.testing import FakeWork
from smartops_aws import backend
from smartops_aws.config import AwsConfig
from smartops_health.measures import Measures
from smartops_simulators.aws import AwsSimulator

ACCOUNT = "123456789012"
REGIONS = [
    "eu-central-1",
    *(f"eu-west-{number}" for number in range(1, 4)),
    *(f"us-{side}-{number}" for side in ("east", "west") for number in range(1, 3)),
    *(f"ap-{side}-{number}" for side in ("south", "northeast") for number in range(1, 3)),
]
TICK = 0.001


async def serve(count: int, regions: int) -> None:
    """Serve as AWS until standard input ends."""
    tags = {"Environment": "production", "Role": "web", "Team": "storefront", "Owner": "platform"}
    group = {"count": count // regions, "name": "web-server-{n:05}", "tags": tags}
    there = {name: {"generate": [group]} for name in REGIONS[:regions]}
    with AwsSimulator({"accounts": {ACCOUNT: {"regions": there}}}) as simulator:
        for name in there:
            simulator.region(ACCOUNT, name)  # its instances are made now
        print(simulator.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def with_the_sdk(url: str) -> Callable[[], Awaitable[int]]:
    """Return a listing by the SDK as it comes, in a thread."""
    client = botocore.session.Session().create_client(
        "ec2",
        region_name=REGIONS[0],
        endpoint_url=url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="made-up",
    )

    def read() -> list[Instance]:
        pages = client.get_paginator("describe_instances").paginate(MaxResults=1000)
        return [
            _instance(item)
            for page in pages
            for reservation in page["Reservations"]
            for item in reservation["Instances"]
        ]

    async def run() -> int:
        return len(await to_thread.run_sync(read))

    return run


def _instance(item: dict[str, Any]) -> Instance:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    return Instance(
        id=item["InstanceId"],
        name=tags.get("Name", ""),
        type=item["InstanceType"],
        state=item["State"]["Name"],
        platform="linux",
        private_ip=item.get("PrivateIpAddress", ""),
        tags=tags,
        launched=item["LaunchTime"],
    )


class LaterClock(Clock):
    """The time, moved on by some seconds."""

    moved = 0.0

    def time(self) -> float:
        return super().time() + self.moved


async def with_ours(url: str, regions: int, clock: Clock) -> tuple[ComputeGroup, MetricsGroup]:
    """Return the instances and measurements of all regions as commands get them."""
    section = {
        "accounts": [{"name": "prod", "account": ACCOUNT, "regions": REGIONS[:regions]}],
        "endpoint": url,
        "costs": {"enabled": False},
    }
    backend._READ = group.READ_SECONDS = 200.0  # the simulator of many machines is slow
    made: list[Any] = list(backend.backends(AwsConfig.model_validate(section), clock))
    for part in made:
        await part.region.warm("ec2", "cloudwatch")  # as at start
    return ComputeGroup(made, clock), MetricsGroup(made, clock)


async def measure(name: str, run: Callable[[], Awaitable[int]]) -> None:
    """Run once, and print what that took.

    The garbage collector passes over what is there before, as in `smartops serve`.
    """
    gc.collect()
    gc.freeze()
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await anyio.sleep(TICK)
            now = time.perf_counter()
            longest = max(longest, now - before - TICK)
            before = now

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.sleep(0.05)
        longest = 0.0
        began, cpu = time.perf_counter(), time.process_time()
        count = await run()
        cpu = time.process_time() - cpu
        seconds = time.perf_counter() - began
        tasks.cancel_scope.cancel()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:<16} {count:>6,} instances   CPU {cpu:5.2f} s   longest stall "
        f"{longest * 1000:5.1f} ms   elapsed {seconds:5.2f} s   at most {memory:.0f} MB"
    )


async def compare(url: str, regions: int) -> None:
    """Measure all. Both list once before, because clients are made then; the SDK lists a region."""
    sdk = with_the_sdk(url)
    await sdk()
    await measure("default parser", sdk)
    clock = LaterClock()
    compute, metrics = await with_ours(url, regions, clock)
    cursor, found = "", ()

    async def everything() -> int:
        nonlocal found
        found = (await compute.list(Query())).instances
        return len(found)

    async def page() -> int:
        nonlocal cursor
        listed = await compute.list(Query(limit=25, cursor=cursor))
        cursor = listed.next
        return sum(listed.counts.values())

    async def newest() -> int:
        return len(await Measures(metrics, timedelta(minutes=5), FakeWork()).latest(found))

    await everything()
    await measure("ours", everything)
    await measure("first page", page)
    clock.moved += 5
    await measure("next page", page)
    await measure("measurements", newest)


def main() -> None:
    """Start the simulator and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    regions = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if os.environ.get("AWS_PARSING_SERVES"):
        anyio.run(serve, count, regions)
        return
    server = subprocess.Popen(
        [sys.executable, __file__, str(count), str(regions)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "AWS_PARSING_SERVES": "yes"},
    )
    assert server.stdout is not None
    try:
        anyio.run(compare, server.stdout.readline().strip(), regions)
    finally:
        server.communicate()


if __name__ == "__main__":
    main()
