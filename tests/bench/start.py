"""How long the server takes to be ready, and how much memory it holds.

    python tests/bench/start.py [--times 5] [--messages 500]

Starts `smartops serve` with the demo's configuration, several times, and prints the CPU and the
time from there to the first `ready` on /readyz, and the resident memory then and after some
messages of a caller. The first start, which compiles what an installation has compiled already,
does not count. Nothing here is a test; the machine decides the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE)]

from load import cpu_seconds, post, run  # noqa: E402

SMARTOPS = [sys.executable, "-m", "smartops"]


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def ready(url: str) -> bool:
    """Say whether the server calls itself ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once, as where they are installed."""
    usual = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
    return {**usual, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def start(config: Path) -> tuple[subprocess.Popen[str], str, float, float]:
    """Start the server; return it, its URL, and the time and the CPU it took to be ready."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*SMARTOPS, "serve", "--config", str(config), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(config.parent),
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if listening := re.search(r"http://127\.0\.0\.1:\d+", line):
            break
    else:
        raise SystemExit("the server did not start")
    while not ready(listening[0]):
        pass
    return process, listening[0], time.perf_counter() - begin, cpu_seconds(process.pid)


def message(number: int) -> bytes:
    """Return a caller's message: half of them read, half are not understood."""
    document = {
        "type": "message",
        "id": str(number),
        "text": "list instances" if number % 2 else "make coffee",
        "from": {"id": "user123", "name": "API User"},
        "conversation": {"id": "api-user123"},
    }
    return json.dumps(document).encode()


def measured(config: Path, messages: int) -> tuple[float, float, float, float]:
    """Return seconds and CPU until ready, and memory then and after some messages."""
    process, url, seconds, cpu = start(config)
    try:
        before = resident(process.pid)
        token = subprocess.run(
            [*SMARTOPS, "token", "--config", str(config), "--user", "user123"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

        def ask(number: int) -> bytes:
            return post(
                "/api/messages", "127.0.0.1", message(number), Authorization=f"Bearer {token}"
            )

        port = int(url.rpartition(":")[2])
        asyncio.run(run(port, process.pid, ask, requests=messages))
        return seconds, cpu, before, resident(process.pid)
    finally:
        process.terminate()
        process.wait()


def main(times: int, messages: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "demo.yaml"
        shutil.copy(ROOT / "config" / "demo.yaml", config)
        found = [measured(config, messages) for _ in range(times + 1)][1:]
    seconds, cpu, before, after = (statistics.median(values) for values in zip(*found, strict=True))
    print(f"start to ready      {seconds:6.2f} s, {cpu:5.2f} s CPU   (aim: below 1.5 s)")
    print(f"resident, ready     {before:6.0f} MB               (aim: below 120 MB)")
    print(f"resident, {messages:4} msgs {after:6.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=5, help="how often it is started")
    parser.add_argument("--messages", type=int, default=500, help="sent before memory is read")
    arguments = parser.parse_args()
    main(arguments.times, arguments.messages)
