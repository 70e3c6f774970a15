"""Load for the benchmarks: keep-alive connections that send one request after the other.

Raw sockets and a hand-written reader, because the load shares the cores with
the server that is measured and must cost as little as can be.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to: requests a second, server CPU and latency in microseconds."""

    rate: float
    cpu: float
    p50: float
    p99: float
    statuses: frozenset[int]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def post(path: str, host: str, body: bytes, **headers: str) -> bytes:
    """Return the bytes of a POST request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def run(
    port: int, pid: int, make: Callable[[int], bytes], *, requests: int, connections: int = 16
) -> Result:
    """Send ``requests`` requests, the n-th being ``make(n)``, and measure the server ``pid``."""
    numbers = iter(range(requests))
    times: list[float] = []
    statuses: set[int] = set()

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            sent = make(number)
            begin = time.perf_counter()
            writer.write(sent)
            statuses.add(await _answer(reader))
            times.append(time.perf_counter() - begin)
        writer.close()
        await writer.wait_closed()

    before, begin = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    seconds = time.perf_counter() - begin
    cpu = cpu_seconds(pid) - before
    times.sort()
    return Result(
        rate=requests / seconds,
        cpu=cpu / requests * 1e6,
        p50=times[len(times) // 2] * 1e6,
        p99=times[int(len(times) * 0.99)] * 1e6,
        statuses=frozenset(statuses),
    )


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line[15:])
    if length:
        await reader.readexactly(length)
    return int(head[9:12])
