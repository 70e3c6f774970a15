"""The commands that people type in PowerShell, answered from a machine's state and metrics."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .machine import Machine
from .scene import Builtin, Outcome, Scene, answer, builtin

_MARK = {"active": "Running", "inactive": "Stopped", "failed": "Stopped"}
_NAMES = {
    "NTDS": "Active Directory Domain Services",
    "DNS": "DNS Server",
    "W3SVC": "World Wide Web Publishing Service",
    "EventLog": "Windows Event Log",
    "W32Time": "Windows Time",
    "AmazonSSMAgent": "Amazon SSM Agent",
}


def run(machine: Machine, at: float, script: str) -> Outcome:
    """Return what a script does in PowerShell."""
    outcome = answer(_BUILTINS, machine, at, script)
    if outcome is not None:
        return outcome
    word = re.split(r"\s", script, maxsplit=1)[0]
    errors = (
        f"{word} : The term '{word}' is not recognized as the name of a cmdlet, function, script "
        "file, or operable program.\n    + FullyQualifiedErrorId : CommandNotFoundException\n"
    )
    return Outcome(errors=errors, exit_code=1)


def _drive(scene: Scene) -> Outcome:
    size = int(scene.drawn(1, 4, 16)) * 10
    used = size * scene.used("disk")
    return _lines(
        "",
        "Name           Used (GB)     Free (GB) Provider      Root",
        "----           ---------     --------- --------      ----",
        f"C             {used:>10.2f}    {size - used:>10.2f} FileSystem    C:\\",
        "",
    )


def _service(scene: Scene) -> Outcome:
    asked = scene.given["unit"]
    services = [asked] if asked else sorted(scene.machine.service_names, key=str.casefold)
    rows = []
    for service in services:
        found = scene.machine.service_at(service, scene.at)
        if found is None:
            return _no_service(service)
        rows.append(f"{_MARK[found[0]]:<8} {service:<18} {_NAMES.get(service, service)}")
    head = (
        "",
        "Status   Name               DisplayName",
        "------   ----               -----------",
    )
    return _lines(*head, *rows, "")


def _control(scene: Scene) -> Outcome:
    if scene.machine.service_at(scene.given["unit"], scene.at) is None:
        return _no_service(scene.given["unit"])
    return Outcome(seconds=2.0)


def _no_service(service: str) -> Outcome:
    return Outcome(
        errors=f"Cannot find any service with service name '{service}'.\n"
        "    + FullyQualifiedErrorId : NoServiceFoundForGivenName\n",
        exit_code=1,
    )


def _system(scene: Scene) -> Outcome:
    total = scene.shape.memory_mib
    free = total * (1 - scene.used("memory"))
    booted = datetime.fromtimestamp(scene.at - scene.uptime, UTC)
    return _lines(
        f"Host Name:                 {scene.host.upper()[:15]}",
        "OS Name:                   Microsoft Windows Server 2022 Datacenter",
        "OS Version:                10.0.20348 N/A Build 20348",
        f"System Boot Time:          {booted:%m/%d/%Y, %H:%M:%S}",
        f"System Type:               x64-based PC, {scene.shape.vcpus} processors",
        f"Total Physical Memory:     {total:,} MB",
        f"Available Physical Memory: {free:,.0f} MB",
    )


def _memory(scene: Scene) -> Outcome:
    total = scene.shape.memory_mib * 1024
    return _lines(
        "",
        "TotalVisibleMemorySize FreePhysicalMemory",
        "---------------------- ------------------",
        f"{total:>22} {total * (1 - scene.used('memory')):>18.0f}",
        "",
    )


def _uptime(scene: Scene) -> Outcome:
    minutes = scene.uptime // 60
    return _lines(
        f"Days    : {minutes // 1440}",
        f"Hours   : {minutes // 60 % 24}",
        f"Minutes : {minutes % 60}",
    )


def _processes(scene: Scene) -> Outcome:
    rows = ["Handles   CPU(s)     Id ProcessName", "-------   ------     -- -----------"]
    for number, name in enumerate((*scene.machine.role.services, "amazon-ssm-agent", "svchost")):
        handles = scene.drawn(30 + number, 120, 900)
        seconds = scene.used("cpu") * scene.drawn(40 + number, 90, 999)
        pid = int(scene.drawn(50 + number, 500, 9000))
        rows.append(f"{handles:>7.0f} {seconds:>8.2f} {pid:>6} {name}")
    return _lines(*rows)


def _write(scene: Scene) -> Outcome:
    words = scene.given["words"].strip()
    if len(words) > 1 and words[0] == words[-1] and words[0] in "'\"":
        words = words[1:-1]
    return _lines(words)


def _lines(*lines: str) -> Outcome:
    return Outcome("".join(f"{line}\r\n" for line in lines), seconds=0.9)


_UNIT = r"['\"]?(?P<unit>[\w.-]+)['\"]?"
_BUILTINS: tuple[Builtin, ...] = (
    builtin(r"hostname|\$env:COMPUTERNAME", lambda scene: _lines(scene.host.upper()[:15])),
    builtin(r"whoami", lambda _: _lines("nt authority\\system")),
    builtin(r"get-psdrive(?: +(?:-name +)?C)?(?: +-psprovider +filesystem)?", _drive),
    builtin(r"get-service(?: +(?:-name +)?" + _UNIT + ")?", _service),
    builtin(r"(?:start|stop|restart)-service +(?:-name +)?" + _UNIT, _control),
    builtin(r"systeminfo", _system),
    builtin(r"get-ciminstance +(?:-classname +)?win32_operatingsystem.*", _memory),
    builtin(r"get-uptime", _uptime),
    builtin(r"get-process.*", _processes),
    builtin(r"get-date", lambda scene: _lines(f"{scene.now:%A, %B %d, %Y %H:%M:%S}")),
    builtin(r"(?:write-output|write-host|echo) +(?P<words>.*)", _write),
    builtin(
        r"start-sleep +(?:-s(?:econds)? +)?(?P<seconds>\d+(?:\.\d+)?)",
        lambda scene: Outcome(seconds=float(scene.given["seconds"])),
    ),
    builtin(
        r"exit(?: +(?P<code>\d+))?",
        lambda scene: Outcome(exit_code=int(scene.given["code"] or 0)),
    ),
)
