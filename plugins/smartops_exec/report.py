"""What came of a run: the wire contract's data, and a view that people can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from smartops import Code, Reply, RunResult, Severity, Text

from .config import ExecConfig
from .groups import Group, grouped
from .run import Order, Run

_MAX_CHARACTERS = 4000
_MAX_NAMES = 12
_WORDS = {
    "success": "ok",
    "failed": "failed",
    "timed-out": "timed out",
    "unreachable": "unreachable",
    "cancelled": "cancelled",
}


def one(config: ExecConfig, order: Order, run: Run) -> Reply:
    """Return the reply for a single target."""
    result, target = run.results[0], order.targets[0]
    text = f"{target.label}: {_outcome(result)} after {_seconds(_time(result, run))}."
    blocks: list[Text | Code] = [Text(text, severity=_severity(result))]
    blocks += _output(config, result, order.script)
    blocks += _notes(run)
    data = {
        "command": order.script,
        "instanceId": target.id,
        "name": target.name,
        "status": result.status,
        "executionTime": round(_time(result, run), 3),
        "output": output(result),
        "exitCode": result.exit_code,
        "commandId": run.id,
        "truncated": result.truncated,
    }
    return Reply.of(*blocks, data=data)


def several(config: ExecConfig, order: Order, run: Run) -> Reply:
    """Return the reply for several targets: failures first, equal outputs once."""
    blocks: list[Text | Code] = [_headline(run)]
    groups = grouped(order.targets, run.results)
    for group in groups[: config.groups]:
        blocks.append(Text(_group_line(group), severity=_severity(group.result)))
        blocks += _output(config, group.result, "")
    rest = groups[config.groups :]
    if rest:
        count = sum(len(group.labels) for group in rest)
        blocks.append(
            Text(f"{len(rest)} more outputs, of {count} instances, are not shown.", style="note")
        )
    blocks += _notes(run)
    return Reply.of(*blocks, data=_data(order, run))


def output(result: RunResult) -> str:
    """Return what a terminal would have shown: the output, then the errors."""
    if not result.errors or not result.output or result.output.endswith("\n"):
        return result.output + result.errors
    return f"{result.output}\n{result.errors}"


def _data(order: Order, run: Run) -> dict[str, Any]:
    counts: Counter[str] = Counter(result.status for result in run.results)
    return {
        "command": order.script,
        "commandId": run.id,
        "executionTime": round(run.seconds, 3),
        "results": [
            {
                "instanceId": target.id,
                "name": target.name,
                "status": result.status,
                "exitCode": result.exit_code,
                "output": output(result),
                "executionTime": round(result.seconds, 3),
                "truncated": result.truncated,
            }
            for target, result in zip(order.targets, run.results, strict=True)
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


def _headline(run: Run) -> Text:
    counts: Counter[str] = Counter(result.status for result in run.results)
    parts = [f"{counts[status]} {word}" for status, word in _WORDS.items() if counts[status]]
    total = len(run.results)
    good = counts["success"] == total
    return Text(
        f"Ran on {total} instances in {_seconds(run.seconds)}: {', '.join(parts)}.",
        style="title",
        severity=Severity.GOOD if good else Severity.WARNING,
    )


def _group_line(group: Group) -> str:
    names = ", ".join(group.labels[:_MAX_NAMES])
    more = len(group.labels) - _MAX_NAMES
    if more > 0:
        names += f" and {more} more"
    what = _outcome(group.result)
    if len(group.labels) == 1:
        return f"{names}: {what}"
    return f"{len(group.labels)} instances said the same, {what}: {names}"


def _outcome(result: RunResult) -> str:
    word = _WORDS.get(result.status, result.status)
    return word if result.exit_code is None else f"{word}, exit code {result.exit_code}"


def _output(config: ExecConfig, result: RunResult, title: str) -> Sequence[Text | Code]:
    """Return the beginning of an output, and a line that says what is missing from it."""
    text = output(result)
    if not text.strip():
        ended = result.exit_code is not None
        return (Text("It said nothing.", style="note"),) if ended else ()
    lines = text.rstrip("\n").split("\n")
    shown = "\n".join(lines[: config.lines])
    missing = [f"Only the first {config.lines} of {len(lines)} lines are shown."]
    if len(shown) > _MAX_CHARACTERS:
        shown = shown[:_MAX_CHARACTERS]
        missing = [f"Only the first {_MAX_CHARACTERS:,} of {len(text):,} characters are shown."]
    elif len(lines) <= config.lines:
        missing = []
    if result.truncated:
        missing.append("The platform cut the output; there was more.")
    blocks: list[Text | Code] = [Code(shown, title)]
    if missing:
        blocks.append(Text(" ".join(missing), style="note"))
    return blocks


def _notes(run: Run) -> Sequence[Text]:
    return (Text(run.note, style="note", severity=Severity.WARNING),) if run.note else ()


def _severity(result: RunResult) -> Severity:
    return Severity.GOOD if result.status == "success" else Severity.WARNING


def _time(result: RunResult, run: Run) -> float:
    return result.seconds or run.seconds


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"
