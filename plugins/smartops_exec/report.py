"""The reply to a run: data in the format of the wire contract, and a view for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smartops import Code, Instance, Reply, Severity, Text
from smartops.backends import RunResult

from .config import ExecConfig
from .run import FinishedRun, RunRequest

_MAX_NAMES = 12
_CUT = "The platform cut the output; there was more."
_WORDS = {
    "success": "ok",
    "failed": "failed",
    "timed-out": "timed out",
    "unreachable": "unreachable",
    "cancelled": "cancelled",
}

_WORST_FIRST = ("unreachable", "timed-out", "cancelled", "failed", "success")


@dataclass(frozen=True, slots=True)
class _Group:
    """Targets with the same outcome and output; ``result`` is the first target's."""

    labels: tuple[str, ...]
    result: RunResult


def one(request: RunRequest, run: FinishedRun) -> Reply:
    """Return the reply for a single target."""
    result, target = run.results[0], request.targets[0]
    text = f"{target.label}: {_outcome(result)} after {_seconds(_time(result, run))}."
    blocks: list[Text | Code] = [Text(text, severity=_severity(result))]
    blocks += _output_blocks(result, request.script)
    blocks += _notes(run)
    data = {
        **_result_data(target, result),
        "command": request.script,
        "commandId": run.id,
        "executionTime": round(_time(result, run), 3),
    }
    return Reply.of(*blocks, data=data)


def several(config: ExecConfig, request: RunRequest, run: FinishedRun) -> Reply:
    """Return the reply for several targets: failures first, equal outputs grouped."""
    blocks: list[Text | Code] = [_headline(run)]
    groups = _grouped(request.targets, run.results)
    for group in groups[: config.groups]:
        blocks.append(Text(_group_line(group), severity=_severity(group.result)))
        blocks += _output_blocks(group.result, "")
    blocks += _remaining(groups[config.groups :])
    blocks += _notes(run)
    return Reply.of(*blocks, data=_data(request, run))


def _output(result: RunResult) -> str:
    """Return the output followed by the errors, as a terminal would show them."""
    if not result.errors or not result.output or result.output.endswith("\n"):
        return result.output + result.errors
    return f"{result.output}\n{result.errors}"


def _data(request: RunRequest, run: FinishedRun) -> dict[str, Any]:
    counts: Counter[str] = Counter(result.status for result in run.results)
    return {
        "command": request.script,
        "commandId": run.id,
        "executionTime": round(run.seconds, 3),
        "results": [
            _result_data(target, result)
            for target, result in zip(request.targets, run.results, strict=True)
        ],
        "summary": {
            "total": len(run.results),
            "success": counts["success"],
            "failed": counts["failed"],
            "timedOut": counts["timed-out"],
            "unreachable": counts["unreachable"],
            "cancelled": counts["cancelled"],
        },
    }


def _result_data(target: Instance, result: RunResult) -> dict[str, Any]:
    return {
        "instanceId": target.id,
        "name": target.name,
        "status": result.status,
        "exitCode": result.exit_code,
        "output": _output(result),
        "executionTime": round(result.seconds, 3),
        "truncated": result.truncated,
    }


def _headline(run: FinishedRun) -> Text:
    counts: Counter[str] = Counter(result.status for result in run.results)
    parts = [f"{counts[status]} {word}" for status, word in _WORDS.items() if counts[status]]
    total = len(run.results)
    good = counts["success"] == total
    return Text(
        f"Ran on {total} instances in {_seconds(run.seconds)}: {', '.join(parts)}.",
        style="title",
        severity=Severity.GOOD if good else Severity.WARNING,
    )


def _grouped(targets: Sequence[Instance], results: Sequence[RunResult]) -> list[_Group]:
    """Return the groups, failures first, and larger groups first."""
    found: dict[tuple[object, ...], list[tuple[Instance, RunResult]]] = {}
    for target, result in zip(targets, results, strict=True):
        outcome = (result.status, result.exit_code, result.output, result.errors, result.truncated)
        found.setdefault(outcome, []).append((target, result))
    groups = [
        _Group(tuple(target.label for target, _ in members), members[0][1])
        for members in found.values()
    ]
    return sorted(groups, key=_badness)


def _badness(group: _Group) -> tuple[int, int]:
    status = group.result.status
    rank = _WORST_FIRST.index(status) if status in _WORST_FIRST else 0
    return rank, -len(group.labels)


def _group_line(group: _Group) -> str:
    names = ", ".join(group.labels[:_MAX_NAMES])
    more = len(group.labels) - _MAX_NAMES
    if more > 0:
        names += f" and {more} more"
    what = _outcome(group.result)
    if len(group.labels) == 1:
        return f"{names}: {what}"
    return f"{len(group.labels)} instances printed the same, {what}: {names}"


def _outcome(result: RunResult) -> str:
    word = _WORDS.get(result.status, result.status)
    return word if result.exit_code is None else f"{word}, exit code {result.exit_code}"


def _output_blocks(result: RunResult, title: str) -> Sequence[Text | Code]:
    """Return blocks with the output and the errors, and a note if the platform cut them."""
    blocks: list[Text | Code] = [
        Code(text.rstrip("\n"), name)
        for text, name in ((result.output, title), (result.errors, "Errors"))
        if text.strip()
    ]
    if not blocks and result.exit_code is not None:
        blocks.append(Text("(no output)", style="note"))
    if result.truncated:
        blocks.append(Text(_CUT, style="note"))
    return blocks


def _remaining(groups: Sequence[_Group]) -> Sequence[Text | Code]:
    """Return the remaining outputs in one block, which channels can attach as one file."""
    if not groups:
        return ()
    count = sum(len(group.labels) for group in groups)
    parts = []
    for group in groups:
        cut = [_CUT] if group.result.truncated else []
        text = _output(group.result).rstrip("\n")
        parts.append("\n".join(filter(None, [f"# {_group_line(group)}", text, *cut])))
    return (
        Text(f"{len(groups)} more outputs, of {count} instances:"),
        Code("\n\n".join(parts), "More outputs"),
    )


def _notes(run: FinishedRun) -> Sequence[Text]:
    return (Text(run.note, style="note", severity=Severity.WARNING),) if run.note else ()


def _severity(result: RunResult) -> Severity:
    return Severity.GOOD if result.status == "success" else Severity.WARNING


def _time(result: RunResult, run: FinishedRun) -> float:
    return result.seconds or run.seconds


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"
