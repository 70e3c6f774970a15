"""Scripts answer what the machine's state and metrics say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from smartops import Instance, Query, RunResult
from smartops.testing import ManualClock
from smartops_fake.backend import Fake

pytestmark = pytest.mark.anyio

Found = Callable[..., Fake]
Run = Callable[..., Awaitable[RunResult]]
FLEET: list[dict[str, Any]] = [
    {
        "name": "web-server-01",
        "type": "m5.large",
        "age": "12d",
        "cpu": 30,
        "memory": 60,
        "disk": 70,
        "tags": {"Role": "web"},
        "services": {"nginx": "failed", "backup": "inactive"},
    },
    {"name": "ad-01", "platform": "windows", "disk": 50, "tags": {"Role": "directory"}},
]
LIMIT = timedelta(seconds=60)


@pytest.fixture
def run(found: Found, clock: ManualClock) -> Run:
    """Run a script and return how it ended; the cloud is made from the section given first."""
    clouds: list[Fake] = []

    async def ended(script: str, on: str = "web-server-01", **section: Any) -> RunResult:
        if section or not clouds:
            clouds.append(found(**{"fleet": FLEET, **section}))
        cloud = clouds[-1]
        machines: tuple[Instance, ...] = (await cloud.list(Query(names=(on,)))).instances
        sent = await cloud.send(script, machines, limit=LIMIT, key="")
        clock.advance(LIMIT.total_seconds() + 2)
        (result,) = await cloud.results(sent)
        assert result.finished
        return result

    return ended


async def test_df_tells_the_disk_that_the_metrics_tell(run: Run) -> None:
    result = await run("df -h")
    head, root, *others = result.output.splitlines()
    assert head.split() == ["Filesystem", "Size", "Used", "Avail", "Use%", "Mounted", "on"]
    device, size, used, free, share, mount = root.split()
    assert (device, mount) == ("/dev/nvme0n1p1", "/")
    assert 69 <= int(share.rstrip("%")) <= 75
    size, used, free = (int(text.rstrip("G")) for text in (size, used, free))
    assert used + free == pytest.approx(size, abs=1)
    assert used / size == pytest.approx(int(share.rstrip("%")) / 100, abs=0.02)
    assert len(others) == 3
    only = await run("df -h /run")
    assert only.output.splitlines()[1].endswith("/run")
    missing = await run("df -h /nowhere")
    assert (missing.exit_code, missing.errors) == (1, "df: /nowhere: No such file or directory\n")


async def test_free_tells_the_memory_that_the_metrics_tell(run: Run) -> None:
    result = await run("free -m")
    memory = next(line for line in result.output.splitlines() if line.startswith("Mem:"))
    total, used, free, shared, cache, available = map(int, memory.split()[1:])
    assert total == pytest.approx(8192 * 0.97, abs=1)
    assert used / total == pytest.approx(0.6, abs=0.03)
    assert used + free + shared + cache == pytest.approx(total, abs=3)
    assert available == pytest.approx(total - used, abs=2)
    assert "Gi" in (await run("free -h")).output


async def test_uptime_tells_days_and_load(run: Run) -> None:
    result = await run("uptime")
    match = re.fullmatch(
        r" 12:00:\d\d up 12 days, \d+ min,  0 users,"
        r"  load average: (\d+\.\d\d), (\d+\.\d\d), (\d+\.\d\d)\n",
        result.output,
    )
    assert match
    assert float(match[1]) == pytest.approx(0.6, abs=0.15)  # 30 % of two processors


async def test_systemctl_tells_the_state_of_services(run: Run) -> None:
    active = await run("systemctl status php-fpm")
    assert (active.exit_code, active.status) == (0, "success")
    assert active.output.startswith("● php-fpm.service - ")
    assert "Active: active (running) since Thu 2026-11-12 12:00:00 UTC; 12 days" in active.output
    failed = await run("sudo systemctl status nginx.service --no-pager")
    assert (failed.exit_code, failed.status) == (3, "failed")
    assert "Active: failed (Result: exit-code)" in failed.output
    assert (await run("systemctl is-active nginx")).output == "failed\n"
    dead = await run("systemctl status backup")
    assert (dead.exit_code, "inactive (dead)" in dead.output) == (3, True)
    missing = await run("systemctl status nothing")
    assert (missing.exit_code, missing.output) == (4, "")
    assert missing.errors == "Unit nothing.service could not be found.\n"


async def test_a_service_that_is_restarted_runs_until_it_is_stopped(
    run: Run, clock: ManualClock
) -> None:
    assert (await run("systemctl is-active nginx")).output == "failed\n"
    assert (await run("systemctl restart nginx")).exit_code == 0
    status = await run("systemctl status nginx")
    assert "active (running)" in status.output
    assert "1min 2s ago" in status.output
    assert (await run("systemctl stop nginx")).exit_code == 0
    assert (await run("systemctl is-active nginx")).output == "inactive\n"
    missing = await run("systemctl start nothing")
    assert (missing.exit_code, "not found" in missing.errors) == (5, True)


async def test_processes_tell_who_uses_the_processor(run: Run) -> None:
    busy = [{"instance": "web-server-01", "metric": "cpu", "value": 95, "since": "30m"}]
    result = await run("ps aux --sort=-%cpu | head -2", incidents=busy)
    head, first = result.output.splitlines()
    assert head.startswith("USER")
    assert float(first.split()[2]) > 150  # of two processors
    assert first.endswith("nginx")
    idle = re.search(r"([\d.]+) id\n", (await run("top -bn1")).output)
    assert idle
    assert float(idle[1]) == pytest.approx(5, abs=1)


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("hostname", "web-server-01\n"),
        ("whoami", "root\n"),
        ("date", "Tue Nov 24 12:00:00 UTC 2026\n"),
        ("echo", "\n"),
        ("echo 'a  b' c", "a  b c\n"),
        ("seq 3", "1\n2\n3\n"),
        ("seq 5 2", ""),
        ("  hostname\n", "web-server-01\n"),
        ("true", ""),
    ],
)
async def test_small_commands_answer(run: Run, script: str, output: str) -> None:
    result = await run(script)
    assert (result.output, result.exit_code, result.errors) == (output, 0, "")


async def test_uname_and_the_release_fit_together(run: Run) -> None:
    assert (await run("uname -a")).output.startswith("Linux web-server-01 ")
    assert "Ubuntu" in (await run("cat /etc/os-release")).output


@pytest.mark.parametrize(
    ("script", "code"), [("frobnicate --all", 127), ("rm -rf /", 127), ("false", 1), ("exit", 0)]
)
async def test_what_nobody_knows_is_not_found(run: Run, script: str, code: int) -> None:
    result = await run(script)
    assert result.exit_code == code
    word = script.split(maxsplit=1)[0]
    assert result.errors == (f"bash: line 1: {word}: command not found\n" if code == 127 else "")


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("hostname", "AD-01"),
        ("Get-PSDrive C", "FileSystem    C:\\"),
        ("get-psdrive -psprovider filesystem", "Used (GB)"),
        ("Get-Service NTDS", "Running  NTDS               Active Directory Domain Services"),
        ("Get-Service", "Running  DNS                DNS Server\r\nRunning  EventLog"),
        ("systeminfo", "Microsoft Windows Server 2022"),
        ("Get-CimInstance Win32_OperatingSystem", "FreePhysicalMemory"),
        ("Get-Uptime", "Days    :"),
        ("Get-Process", "NTDS"),
        ("Get-Date", "Tuesday, November 24, 2026"),
        ("whoami", "nt authority\\system"),
        ("Write-Output 'a  b'", "a  b"),
    ],
)
async def test_windows_answers_in_powershell(run: Run, script: str, shown: str) -> None:
    result = await run(script, on="ad-01")
    assert (result.exit_code, result.errors) == (0, "")
    assert shown in result.output


async def test_windows_knows_no_linux_and_the_other_way_round(run: Run) -> None:
    foreign = await run("df -h", on="ad-01")
    assert foreign.exit_code == 1
    assert "The term 'df' is not recognized" in foreign.errors
    assert (await run("Get-Service nginx")).exit_code == 127


async def test_windows_services_are_controlled(run: Run) -> None:
    assert (await run("Stop-Service DNS", on="ad-01")).exit_code == 0
    assert "Stopped  DNS" in (await run("Get-Service DNS", on="ad-01")).output
    assert (await run("Restart-Service -Name 'DNS'", on="ad-01")).exit_code == 0
    assert "Running  DNS" in (await run("Get-Service DNS", on="ad-01")).output
    missing = await run("Get-Service Nothing", on="ad-01")
    assert (missing.exit_code, "Cannot find any service" in missing.errors) == (1, True)
    assert (await run("exit 4", on="ad-01")).exit_code == 4


async def test_configured_patterns_come_first(run: Run) -> None:
    scripts = [
        {"pattern": r"df -h", "instance": "other-*", "output": "never\n"},
        {"pattern": r"df.*", "output": "told\n", "exit_code": 2, "errors": "oops\n", "seconds": 7},
        {"pattern": r"(?s)multi.*end", "output": "lines\n", "repeat": 3},
        {"pattern": r"df -h", "output": "too late\n"},
    ]
    result = await run("df -h", scripts=scripts)
    assert (result.output, result.errors, result.exit_code) == ("told\n", "oops\n", 2)
    assert (result.status, result.seconds) == ("failed", 7)
    assert (await run("multi\nline\nend")).output == "lines\n" * 3
    assert (await run("a df -h")).exit_code == 127
