"""``execute`` and ``list scripts``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from smartops import (
    Call,
    Change,
    Clock,
    Command,
    Effect,
    Instance,
    Plan,
    Refusal,
    Reply,
    Runner,
    ValidationFailed,
    Work,
    command,
)
from smartops.backends import RunResult

from .allowlist import AllowList
from .config import ExecConfig, ScriptEntry
from .report import one, several
from .run import RunMonitor, RunRequest
from .text import length, listing

_MARGIN = timedelta(seconds=30)
_EXAMPLES = (
    'execute "df -h" on web-server-01',
    'execute "systemctl restart nginx" on tag:Role=web --timeout 2m',
)


def executing(config: ExecConfig, allowed: AllowList, clock: Clock) -> Command:
    """Return the command ``execute``."""

    @command(
        "execute {script...} on {targets}",
        "run {script...} on {targets}",
        effect=Effect.CHANGE,
        examples=_EXAMPLES,
        deadline=config.max_timeout + _MARGIN,
        resumable=True,  # its only change is one step
    )
    async def execute(
        call: Call,
        runner: Runner,
        work: Work,
        script: str,
        targets: list[Instance],
        *,
        timeout: timedelta | None = None,
    ) -> Reply:
        """Run a script from the allow-list on one or several instances.

        Scripts that change nothing run at once; others are confirmed first.
        --timeout bounds how long it may take, such as 30s or 5m.
        """
        unique = _unique(config, targets)
        limit = _limit(config, allowed.choose(script, call.person, unique), timeout)
        request = RunRequest(script, unique, limit, call.idempotency_key)
        done = await RunMonitor(runner, clock, config.poll).run(request, work)
        if len(unique) > 1:
            return several(config, request, done)
        if done.results[0].status == "unreachable":
            raise _unreachable(runner, unique[0], done.results[0])
        return one(request, done)

    @execute.classify
    async def effect_of(call: Call, script: str, targets: list[Instance]) -> Effect:
        return allowed.choose(script, call.person, targets).effect

    @execute.plan
    async def plan(
        call: Call, runner: Runner, script: str, targets: list[Instance], timeout: timedelta | None
    ) -> Plan:
        unique = _unique(config, targets)
        limit = _limit(config, allowed.choose(script, call.person, unique), timeout)
        return _plan(runner, script, unique, limit)

    return execute


def scripts(config: ExecConfig, allowed: AllowList) -> Command:
    """Return the command ``list scripts``."""

    @command("list scripts", examples=("list scripts",))
    async def list_scripts(call: Call) -> Reply:
        """List the scripts that you may run."""
        return listing(config, allowed.of(call.person))

    return list_scripts


def _unreachable(runner: Runner, target: Instance, result: RunResult) -> Refusal:
    details = result.errors or None
    if details is None and target.state != "running":
        details = f"It is {target.state}"
    return runner.unreachable(f"{target.label} cannot be reached to run scripts", details=details)


def _unique(config: ExecConfig, targets: Sequence[Instance]) -> tuple[Instance, ...]:
    unique = tuple({item.id: item for item in targets}.values())
    if len(unique) > config.max_targets:
        raise ValidationFailed(
            f"{len(unique):,} instances are too many for one script",
            details=f"At most {config.max_targets} (plugins.exec.max_targets); name fewer",
        )
    return unique


def _limit(config: ExecConfig, entry: ScriptEntry, given: timedelta | None) -> timedelta:
    limit = given or entry.timeout or config.timeout
    if not timedelta(seconds=1) <= limit <= config.max_timeout:
        raise ValidationFailed(
            f"A time limit of {length(limit)} is not possible",
            details=f"From 1 second to {length(config.max_timeout)} (plugins.exec.max_timeout)",
        )
    return limit


def _plan(runner: Runner, script: str, targets: Sequence[Instance], limit: timedelta) -> Plan:
    where = targets[0].label if len(targets) == 1 else f"{len(targets)} instances"
    several = len(runner.members) > 1
    changes = tuple(
        Change(
            item.id,
            f"{item.label} in {item.backend}" if several else item.label,
            item.state,
            "runs the script",
        )
        for item in targets
    )
    warnings = tuple(
        f"{item.label} is {item.state}, so the script will probably not reach it."
        for item in targets
        if item.state != "running"
    )
    return Plan(f"Run a script on {where} for at most {length(limit)}", changes, script, warnings)
