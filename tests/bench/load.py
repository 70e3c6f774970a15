"""Load for the benchmarks: keep-alive connections that send one request after the other.

As fast as they are answered (:func:`run`), or at a pace (:func:`steady`). Raw
sockets and a hand-written reader, because the load shares the cores with the
server that is measured and must cost as little as can be.
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
    times: tuple[float, ...] = ()

    def latency(self, share: float) -> float:
        """Return the microseconds within which this share of the requests was answered."""
        return self.times[min(int(len(self.times) * share), len(self.times) - 1)] * 1e6


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def quiet(pid: int) -> None:
    """Wait until a process does next to nothing: what it was left to do is done."""
    while True:
        before = cpu_seconds(pid)
        await asyncio.sleep(0.5)
        if cpu_seconds(pid) - before <= 2 / TICKS:
            return


def post(
    path: str, host: str, body: bytes, *, kind: str = "application/json", **headers: str
) -> bytes:
    """Return the bytes of a POST request."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines.append(f"Content-Type: {kind}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def run(
    port: int,
    pid: int,
    make: Callable[[int], bytes],
    *,
    requests: int,
    connections: int = 16,
    after: bool = False,
) -> Result:
    """Send ``requests`` requests, the n-th being ``make(n)``, and measure the server ``pid``.

    With ``after`` its CPU counts until it is quiet again.
    """
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
    if after:
        await quiet(pid)
    return _result(seconds, cpu_seconds(pid) - before, times, statuses)


async def steady(
    port: int,
    pid: int,
    make: Callable[[int], bytes],
    *,
    requests: int,
    rate: float,
    connections: int = 32,
) -> Result:
    """Send ``rate`` requests a second, whatever the answers do, and measure the server ``pid``.

    The latency counts from when a request was due, so that one that had to wait
    for a connection is not flattered. The CPU counts until the server is quiet again.
    """
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    times: list[float] = []
    statuses: set[int] = set()

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (item := await due.get()) is not None:
            moment, sent = item
            writer.write(sent)
            statuses.add(await _answer(reader))
            times.append(time.perf_counter() - moment)
        writer.close()
        await writer.wait_closed()

    before, begin = cpu_seconds(pid), time.perf_counter()
    workers = [asyncio.create_task(work()) for _ in range(connections)]
    for number in range(requests):
        sent = make(number)
        await asyncio.sleep(begin + number / rate - time.perf_counter())
        due.put_nowait((time.perf_counter(), sent))
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    seconds = time.perf_counter() - begin
    await quiet(pid)
    return _result(seconds, cpu_seconds(pid) - before, times, statuses)


def _result(seconds: float, cpu: float, times: list[float], statuses: set[int]) -> Result:
    times.sort()
    return Result(
        rate=len(times) / seconds,
        cpu=cpu / len(times) * 1e6,
        p50=times[len(times) // 2] * 1e6,
        p99=times[int(len(times) * 0.99)] * 1e6,
        statuses=frozenset(statuses),
        times=tuple(times),
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
