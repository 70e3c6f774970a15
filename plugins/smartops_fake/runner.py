"""Scripts on instances: runs by the rules of SSM, and canned output."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from uuid import uuid4

from smartops import Instance, Runner, ValidationFailed
from smartops.backends import RunResult, RunStatus

from .cloud import Change, Decision, FakeBackend, in_turns
from .faults import RunnerUnavailable
from .machines import Machine, shape_of

_DELIVERY = 0.5  # seconds until a script arrives at an instance
_GIVES_UP = 2.0  # seconds until a run on an instance that does not answer ends


class FakeRunner(FakeBackend, Runner):
    """Scripts on the instances of a cloud."""

    unreachable = RunnerUnavailable

    async def send(
        self, script: str, instances: Sequence[Instance], *, limit: timedelta, key: str
    ) -> str:
        """Start a script and return the id of the run; an idempotency key sends once.

        Raises RunnerUnavailable, for all, if an instance has no agent.
        """
        ids = tuple(dict.fromkeys(instance.id for instance in instances))
        sent: list[str] = []

        def decide(now: float) -> Decision | None:
            sent.extend(run.run for run in self._changes("send") if key and run.key == key)
            if sent:
                return None
            self._accept(script, ids)
            sent.append(str(uuid4()))
            return Change(
                what="send",
                at=now,
                ids=ids,
                run=sent[0],
                key=key,
                script=script,
                limit=limit.total_seconds(),
            ), ()

        async with self._cloud.faults.around("send", ids):
            await self._cloud.change(decide)
        return sent[0]

    async def results(self, run_id: str) -> tuple[RunResult, ...]:
        """Return how a run stands; raises ValidationFailed for an unknown run."""
        run = self._run(run_id)
        async with self._cloud.faults.around("results", run.ids):
            now = self._cloud.now()
            cancels = (item.at for item in self._changes("cancel") if item.run == run_id)
            cancelled = min(cancels, default=math.inf)
            turns = in_turns(run.ids, 25)
            return tuple([self._result(run, id_, now, cancelled) async for id_ in turns])

    async def cancel(self, run_id: str) -> None:
        """Stop a run where it has not ended; harmless if it has."""
        run = self._run(run_id)
        async with self._cloud.faults.around("cancel", run.ids):
            await self._cloud.change(lambda now: (Change(what="cancel", at=now, run=run_id), ()))

    def _changes(self, what: str) -> Sequence[Change]:
        return [item for item in self._cloud.saved.changes if item.what == what]

    def _run(self, run_id: str) -> Change:
        self._cloud.now()
        for run in self._changes("send"):
            if run.run == run_id:
                return run
        raise ValidationFailed(f"There is no run {run_id}", details="InvalidCommandId")

    def _accept(self, script: str, ids: Sequence[str]) -> None:
        if not ids or not script.strip():
            raise ValidationFailed("There is nothing to run, or nothing to run it on")
        for machine in map(self._cloud.machine, ids):
            if machine.config.agent == "missing":
                raise RunnerUnavailable(
                    f"{machine.name or machine.id} has no SSM agent",
                    details=f"InvalidInstanceId: {machine.id} is not registered with SSM",
                )

    def _result(self, run: Change, id_: str, now: float, cancelled: float) -> RunResult:
        """Return how a run stands on one instance."""
        begins = run.at + _DELIVERY
        outcome = self._outcome(run, id_, begins)
        ends: list[tuple[float, RunStatus]] = [(run.at + _GIVES_UP, "unreachable")]
        if outcome is not None:
            end = begins + min(outcome.seconds, run.limit)
            status = outcome.status if outcome.seconds <= run.limit else "timed-out"
            lost = self._cloud.machine(id_).lost_after(run.at)
            ends = [(end, status), (lost, "unreachable")]
        at, status = min([*ends, (cancelled, "cancelled")], key=itemgetter(0))
        if now < at:
            at, status = now, "running" if outcome and now >= begins else "pending"
        if outcome is not None and status == outcome.status:
            return outcome
        return RunResult(id_, status, seconds=round(max(0.0, at - begins), 3))

    def _outcome(self, run: Change, id_: str, at: float) -> RunResult | None:
        """Return what the script does if nothing interrupts it, None if no agent answers."""
        machine = self._cloud.find(id_)
        if machine is None or not machine.answers_at(run.at):
            return None
        script = run.script.strip()
        for item in self._cloud.config.scripts:
            if machine.matches(item.instance) and item.pattern.fullmatch(script):
                return _ended(machine, item.output, item.errors, item.exit_code, item.seconds)
        return _built_in(machine, script, at)


def _ended(
    machine: Machine, output: str, errors: str = "", exit_code: int = 0, seconds: float = 0.2
) -> RunResult:
    status: RunStatus = "failed" if exit_code else "success"
    return RunResult(machine.id, status, exit_code, output, errors, seconds)


def _built_in(machine: Machine, script: str, at: float) -> RunResult:
    """Return how a script without configured output ends."""
    windows = machine.config.platform == "windows"
    scripts = (_WINDOWS if windows else _LINUX).items()
    found = ((re.fullmatch(pattern, script, re.IGNORECASE), text) for pattern, text in scripts)
    given, text = next((match.groupdict(""), text) for match, text in found if match)
    output = text.format_map({**_facts(machine, at), **given})
    if "unknown" in given:
        return _ended(machine, "", output, 1 if windows else 127)
    if "last" in given:
        numbers = range(int(given["first"] or 1), int(given["last"]) + 1)[:200_000]
        output = "".join(f"{number}\n" for number in numbers)
    code, seconds = int(given.get("code") or 0), float(given.get("seconds", 0.2))
    return _ended(machine, output, "", code % 256, seconds)


def _facts(machine: Machine, at: float) -> Mapping[str, object]:
    """Return what the canned output says about a machine."""
    disk = machine.level("disk", at)
    total = shape_of(machine.config.type)[1] * 1024 * 0.97
    used = total * machine.level("memory", at) / 100
    booted = machine.booted(at)
    minutes = max(0, int(at - booted)) // 60
    return {
        "host": machine.name or machine.id,
        "disk": disk,
        "disk_free": 100 - disk,
        "total": total,
        "used": used,
        "free": total - used,
        "now": datetime.fromtimestamp(at, UTC),
        "booted": datetime.fromtimestamp(booted, UTC),
        "up": f"{minutes // 1440} days, {minutes // 60 % 24:2}:{minutes % 60:02}",
        "load": machine.level("cpu", at) / 50,
        "pid": 400 + machine.salt % 20000,
    }


_LINUX: Mapping[str, str] = {
    r"hostname": "{host}\n",
    r"df(?: -h)?": (
        "Filesystem       Size  Used Avail Use% Mounted on\n"
        "/dev/nvme0n1p1   100G  {disk:3.0f}G  {disk_free:3.0f}G  {disk:2.0f}% /\n"
        "tmpfs            2.0G     0  2.0G   0% /dev/shm\n"
    ),
    r"free(?: -m)?": (
        "               total        used        free      shared  buff/cache   available\n"
        "Mem:    {total:12.0f}{used:12.0f}{free:12.0f}           1           0{free:12.0f}\n"
        "Swap:              0           0           0\n"
    ),
    r"uptime": " {now:%H:%M:%S} up {up},  0 users,  load average: {load:.2f}, 0.31, 0.28\n",
    r"systemctl status (?P<unit>[\w@-]+)(?:\.service)?": (
        "● {unit}.service - {unit}\n"
        "     Loaded: loaded (/usr/lib/systemd/system/{unit}.service; enabled; preset: enabled)\n"
        "     Active: active (running) since {booted:%a %Y-%m-%d %H:%M:%S} UTC\n"
        "   Main PID: {pid} ({unit})\n"
        "     CGroup: /system.slice/{unit}.service\n"
        "             └─{pid} {unit}\n"
    ),
    r"systemctl (?:start|stop|restart|reload) [\w@.-]+": "",
    r"echo ['\"]?(?P<words>.*?)['\"]?": "{words}\n",
    r"seq (?:(?P<first>\d+) )?(?P<last>\d+)": "",
    r"sleep (?P<seconds>\d+(?:\.\d+)?)": "",
    r"exit(?: (?P<code>\d+))?": "",
    r"(?s)(?P<unknown>\S*).*": "bash: line 1: {unknown}: command not found\n",
}
_WINDOWS: Mapping[str, str] = {
    r"hostname": "{host}\n",
    r"get-service": (
        "\nStatus   Name\n------   ----\nRunning  AmazonSSMAgent\nRunning  DNS\n"
        "Running  EventLog\nRunning  NTDS\nRunning  W32Time\n"
    ),
    r"(?s)(?P<unknown>\S*).*": "{unknown} : The term '{unknown}' is not recognized.\n",
}
