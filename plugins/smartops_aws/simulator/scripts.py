"""What scripts answer: the table of the scenario, and else a few that every machine knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .machines import Instance
from .runs import Outcome
from .scenario import Output, Scenario
from .world import World

_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Task:
    """A script on its way: ``limit`` is how many seconds it may take."""

    document: str
    text: str
    limit: float


def outcome(world: World, scenario: Scenario, task: Task, instance: Instance) -> Outcome:
    """Return what a script does on an instance, cut off after its limit."""
    takes = scenario.timing.run.total_seconds()
    found = next((each for each in scenario.outputs if _fits(each, task, instance)), None)
    if found is None:
        code, stdout, stderr = _known(task.text, instance)
    elif found.ends:
        return Outcome(found.ends, -1)
    else:
        code = found.exit_code
        stdout = _filled(found.stdout, world, instance)
        stderr = _filled(found.stderr, world, instance)
        takes = takes if found.takes is None else found.takes.total_seconds()
    if takes > task.limit:
        return Outcome("ExecutionTimedOut", -1, stdout, stderr, task.limit)
    if code:
        stderr = f"{stderr}\n" * bool(stderr) + f"failed to run commands: exit status {code}"
    return Outcome("Failed" if code else "Success", code, stdout, stderr, takes)


def _fits(output: Output, task: Task, instance: Instance) -> bool:
    return (
        (fnmatchcase(instance.name, output.instance) or fnmatchcase(instance.id, output.instance))
        and fnmatchcase(task.document, output.document)
        and re.search(output.script, task.text) is not None
    )


def _filled(text: str, world: World, instance: Instance) -> str:
    words = {
        "name": instance.name,
        "id": instance.id,
        "ip": instance.private_ip,
        "account": world.account,
        "region": world.region,
    }
    return re.sub(r"\{(name|id|ip|account|region)\}", lambda found: words[found[1]], text)


def _known(script: str, instance: Instance) -> tuple[int, str, str]:
    lines = [line.strip() for line in script.splitlines()]
    stdout: list[str] = []
    for line in lines:
        if not line or line.startswith(("#", "set ")):
            continue
        word, _, rest = line.partition(" ")
        if word == "exit":
            return int(rest) if rest.isdecimal() else 0, "".join(stdout), ""
        told = _TOLD.get(word.lower())
        if told is None:
            said = "".join(stdout)
            return _NOT_FOUND, said, f"sh: 1: {word}: not found"
        stdout.append(told(rest, instance))
    return 0, "".join(stdout), ""


_TOLD: Mapping[str, Callable[[str, Instance], str]] = {
    "echo": lambda rest, _: rest.strip("\"'") + "\n",
    "write-output": lambda rest, _: rest.strip("\"'") + "\n",
    "hostname": lambda _, instance: f"{instance.name or instance.id}\n",
    "whoami": lambda _, instance: (
        "nt authority\\system\n" if instance.platform == "windows" else "root\n"
    ),
    "uptime": lambda _, __: (
        " 09:41:07 up 30 days,  2:14,  0 users,  load average: 0.21, 0.18, 0.15\n"
    ),
    "true": lambda _, __: "",
    "df": lambda _, __: (
        "Filesystem      Size  Used Avail Use% Mounted on\n"
        "/dev/nvme0n1p1   50G   25G   26G  50% /\n"
        "tmpfs           1.9G     0  1.9G   0% /dev/shm\n"
    ),
    "free": lambda _, __: (
        "               total        used        free      shared  buff/cache   available\n"
        "Mem:            3886        1740         522           1        1624        2019\n"
        "Swap:              0           0           0\n"
    ),
}
