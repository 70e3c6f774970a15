"""The commands that people type on Linux, answered from a machine's state and metrics."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime

from .machine import Machine
from .scene import Builtin, Outcome, Scene, answer, builtin

_DESCRIPTIONS = {
    "nginx": "The nginx HTTP Server",
    "php-fpm": "The PHP FastCGI Process Manager",
    "gunicorn": "gunicorn daemon",
    "celery": "Celery Service",
    "postgresql": "PostgreSQL RDBMS",
    "redis-server": "Advanced key-value store",
    "rabbitmq-server": "RabbitMQ broker",
    "sshd": "OpenSSH server daemon",
    "cron": "Regular background program processing daemon",
    "amazon-ssm-agent": "amazon-ssm-agent",
}
_MARKS = {"active": "●", "inactive": "○", "failed": "\u00d7"}
_MAX_LINES = 200_000


def run(machine: Machine, at: float, script: str) -> Outcome:
    """Return what a script does in bash."""
    script, lines = _head(script)
    outcome = answer(_BUILTINS, machine, at, script)
    if outcome is not None:
        return outcome if lines is None else _cut(outcome, lines)
    word = re.split(r"\s", script, maxsplit=1)[0]
    return Outcome(errors=f"bash: line 1: {word}: command not found\n", exit_code=127)


def _head(script: str) -> tuple[str, int | None]:
    """Split off ``| head -5``, the one pipe that these answers are often sent through."""
    match = re.fullmatch(r"(.*?)\s*\|\s*head(?:\s+(?:-n\s*|-)(\d+))?", script)
    return (match[1], int(match[2] or 10)) if match else (script, None)


def _cut(outcome: Outcome, lines: int) -> Outcome:
    kept = "".join(outcome.output.splitlines(keepends=True)[:lines])
    return Outcome(kept, outcome.errors, 0, outcome.seconds)


def _df(scene: Scene) -> Outcome:
    size = int(scene.drawn(1, 2, 13)) * 10
    used = size * scene.used("disk")
    shm = scene.shape.memory_mib / 2048
    share = round(scene.used("disk") * 100)
    rows = [
        ("/dev/nvme0n1p1", f"{size}G", f"{used:.0f}G", f"{size - used:.0f}G", f"{share}%", "/"),
        ("tmpfs", f"{shm:.1f}G", "0", f"{shm:.1f}G", "0%", "/dev/shm"),  # noqa: S108
        ("tmpfs", f"{shm * 0.4:.1f}G", "1.1M", f"{shm * 0.4:.1f}G", "1%", "/run"),
        ("/dev/nvme0n1p15", "105M", "6.1M", "99M", "6%", "/boot/efi"),
    ]
    path = scene.given["path"]
    if path:
        rows = [row for row in rows if row[-1] == path]
        if not rows:
            return Outcome(errors=f"df: {path}: No such file or directory\n", exit_code=1)
    lines = ["Filesystem       Size  Used Avail Use% Mounted on"]
    lines += [f"{a:<15} {b:>5} {c:>5} {d:>5} {e:>4} {f}" for a, b, c, d, e, f in rows]
    return _lines(*lines)


def _free(scene: Scene) -> Outcome:
    human = "h" in scene.given["unit"]
    total = scene.shape.memory_mib * 0.97
    used = total * scene.used("memory")
    cache = (total - used) * scene.drawn(2, 0.4, 0.8)
    columns = (total, used, total - used - cache, 1.0, cache, total - used)
    shown = [f"{mib / 1024:.1f}Gi" if human else str(int(mib)) for mib in columns]
    zero = "0B" if human else "0"
    return _lines(
        "               total        used        free      shared  buff/cache   available",
        "Mem:    " + "".join(f"{text:>12}" for text in shown),
        "Swap:   " + f"{zero:>12}" * 3,
    )


def _uptime(scene: Scene) -> Outcome:
    return _lines(f" {_up(scene)}")


def _up(scene: Scene) -> str:
    minutes = scene.uptime // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes} min"
    up = f"{days} day{'s' if days != 1 else ''}, {clock}" if days else clock
    busy = scene.used("cpu") * scene.shape.vcpus
    loads = ", ".join(f"{busy * factor:.2f}" for factor in (1.04, 0.98, 0.9))
    return f"{scene.now:%H:%M:%S} up {up},  0 users,  load average: {loads}"


def _status(scene: Scene) -> Outcome:
    unit = scene.given["unit"].removesuffix(".service")
    found = scene.machine.service_at(unit, scene.at)
    if found is None:
        return Outcome(errors=f"Unit {unit}.service could not be found.\n", exit_code=4)
    state, since = found
    began = datetime.fromtimestamp(since, UTC)
    told = {
        "active": "active (running)",
        "inactive": "inactive (dead)",
        "failed": "failed (Result: exit-code)",
    }[state]
    lines = [
        f"{_MARKS[state]} {unit}.service - {_DESCRIPTIONS.get(unit, unit)}",
        f"     Loaded: loaded (/usr/lib/systemd/system/{unit}.service; enabled; preset: enabled)",
        f"     Active: {told} since {began:%a %Y-%m-%d %H:%M:%S} UTC; {_ago(scene.at - since)}",
    ]
    pid = int(scene.drawn(len(unit), 400, 30000))
    if state == "failed":
        lines.append(f"   Main PID: {pid} (code=exited, status=1/FAILURE)")
    if state == "active":
        lines += [
            f"   Main PID: {pid} ({unit})",
            f"      Tasks: {int(scene.drawn(3, 2, 40))} (limit: 9379)",
            f"     Memory: {scene.drawn(4, 8, 400):.1f}M",
            f"     CGroup: /system.slice/{unit}.service",
            f"             └─{pid} {unit}",
        ]
    return Outcome("\n".join(lines) + "\n", exit_code=0 if state == "active" else 3)


def _ago(seconds: float) -> str:
    left = int(seconds)
    units = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        number, left = divmod(left, size)
        if number:
            plural = "s" if unit == "day" and number != 1 else ""
            parts.append(f"{number} {unit}{plural}" if unit == "day" else f"{number}{unit}")
    return " ".join(parts[:2] or ["0s"]) + " ago"


def _is_active(scene: Scene) -> Outcome:
    found = scene.machine.service_at(scene.given["unit"].removesuffix(".service"), scene.at)
    state = found[0] if found else "inactive"
    return Outcome(f"{state}\n", exit_code=0 if state == "active" else 3)


def _control(scene: Scene) -> Outcome:
    unit = scene.given["unit"].removesuffix(".service")
    if scene.machine.service_at(unit, scene.at) is None:
        errors = f"Failed to {scene.given['verb']} {unit}.service: Unit {unit}.service not found.\n"
        return Outcome(errors=errors, exit_code=5)
    return Outcome(seconds=1.2)


def _processes(scene: Scene) -> list[tuple[str, float, float]]:
    """Return name, CPU and memory of processes; together they use what the metrics say."""
    names = (*scene.machine.role.services, "amazon-ssm-agent", "systemd-journald")
    cpu = scene.used("cpu") * 100 * scene.shape.vcpus
    memory = scene.used("memory") * 100
    shares = [0.86, 0.08, 0.02, 0.01]
    return [(name, cpu * share, memory * share) for name, share in zip(names, shares, strict=False)]


def _ps(scene: Scene) -> Outcome:
    lines = ["USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND"]
    for number, (name, cpu, memory) in enumerate(_processes(scene)):
        pid = int(scene.drawn(20 + number, 400, 30000))
        size = int(scene.shape.memory_mib * 10.24 * memory)
        lines.append(
            f"root     {pid:>7} {cpu:>4.1f} {memory:>4.1f} {size * 2:>6} {size:>5} ?        Ssl  "
            f"{scene.now:%b%d}   1:04 {name}"
        )
    return _lines(*lines)


def _top(scene: Scene) -> Outcome:
    busy = scene.used("cpu") * 100
    lines = [
        f"top - {_up(scene)}",
        "Tasks: 128 total,   1 running, 127 sleeping,   0 stopped,   0 zombie",
        f"%Cpu(s): {busy * 0.9:.1f} us, {busy * 0.1:.1f} sy,  0.0 ni, {100 - busy:.1f} id",
        "",
        "    PID USER      PR  NI  %CPU  %MEM COMMAND",
    ]
    for number, (name, cpu, memory) in enumerate(_processes(scene)):
        pid = int(scene.drawn(20 + number, 400, 30000))
        lines.append(f"{pid:>7} root      20   0 {cpu:>5.1f} {memory:>5.1f} {name}")
    return _lines(*lines)


def _uname(scene: Scene) -> Outcome:
    return _lines(
        f"Linux {scene.host} 6.8.0-1029-aws #31-Ubuntu SMP x86_64 x86_64 x86_64 GNU/Linux"
    )


def _date(scene: Scene) -> Outcome:
    return _lines(f"{scene.now:%a %b %e %H:%M:%S UTC %Y}")


def _echo(scene: Scene) -> Outcome:
    try:
        words = shlex.split(scene.given["words"])
    except ValueError:
        errors = "bash: -c: line 1: unexpected EOF while looking for matching quote\n"
        return Outcome(errors=errors, exit_code=2)
    return _lines(" ".join(words))


def _seq(scene: Scene) -> Outcome:
    first, last = int(scene.given["first"] or 1), int(scene.given["last"])
    numbers = range(first, min(last, first + _MAX_LINES) + 1)
    return _lines(*map(str, numbers)) if numbers else Outcome()


def _leave(scene: Scene) -> Outcome:
    return Outcome(exit_code=int(scene.given["code"] or 0) % 256)


def _sleep(scene: Scene) -> Outcome:
    return Outcome(seconds=float(scene.given["seconds"]))


def _lines(*lines: str) -> Outcome:
    return Outcome("".join(f"{line}\n" for line in lines))


_RELEASE = (
    'PRETTY_NAME="Ubuntu 24.04.2 LTS"',
    'NAME="Ubuntu"',
    'VERSION_ID="24.04"',
    "ID=ubuntu",
)
_SYSTEMCTL = r"(?:sudo +)?systemctl +"
_UNIT = r"(?P<unit>[\w@.-]+)"
_BUILTINS: tuple[Builtin, ...] = (
    builtin(r"df(?: +-[hkT]+)*(?: +(?P<path>/\S*))?", _df),
    builtin(r"free(?P<unit>(?: +-[mhgt]+)*)", _free),
    builtin(r"uptime", _uptime),
    builtin(_SYSTEMCTL + r"(?:--no-pager +)?status +" + _UNIT + r"(?: +--no-pager)?", _status),
    builtin(_SYSTEMCTL + r"is-active +" + _UNIT, _is_active),
    builtin(_SYSTEMCTL + r"(?P<verb>start|stop|restart|reload) +" + _UNIT, _control),
    builtin(r"ps(?: +(?:-?[a-z]+|--sort[= ]\S+))*", _ps),
    builtin(r"top(?: +-b)?(?: *-?b?n ?1)?", _top),
    builtin(r"uname(?: +-[a-z]+)?", _uname),
    builtin(r"cat +/etc/os-release", lambda _: _lines(*_RELEASE)),
    builtin(r"hostname", lambda scene: _lines(scene.host)),
    builtin(r"whoami", lambda _: _lines("root")),
    builtin(r"(?:date)(?: +-u)?", _date),
    builtin(r"echo(?P<words>(?: .*)?)", _echo),
    builtin(r"seq +(?:(?P<first>\d+) +)?(?P<last>\d+)", _seq),
    builtin(r"sleep +(?P<seconds>\d+(?:\.\d+)?)", _sleep),
    builtin(r"exit(?: +(?P<code>\d+))?", _leave),
    builtin(r"true|:", lambda _: Outcome()),
    builtin(r"false", lambda _: Outcome(exit_code=1)),
)
