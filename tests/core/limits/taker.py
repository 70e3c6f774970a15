"""A replica as a separate process: takes from a shared limit, and prints who was allowed."""

import json
import sys
from collections import Counter

import anyio

from smartops.limits import MemoryLimiter, SharedLimiter, Window
from smartops.services import Clock

USER, TEAM = Window("user", 10, 600), Window("team", 100, 600)


async def main(url: str) -> None:
    limiter = SharedLimiter(url, Clock(), MemoryLimiter(Clock()))
    await limiter.ping()
    print("ready", flush=True)
    await anyio.to_thread.run_sync(sys.stdin.readline)
    allowed: Counter[str] = Counter()

    async def tries(user: str) -> None:
        for _ in range(15):
            verdict = await limiter.take([(USER, user), (TEAM, "ops")])
            assert not limiter.degraded
            allowed[user] += verdict.allowed

    async with anyio.create_task_group() as group:
        for number in range(9):
            group.start_soon(tries, f"user-{number}")
    print(json.dumps(allowed))
    await limiter.aclose()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
