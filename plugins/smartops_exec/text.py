"""Texts of the exec commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from smartops import Reply, Table, Text

from .config import ExecConfig, ScriptEntry

_TOGETHER = (("Script", "Purpose"), ("Runs", "Platforms", "Time limit"))


def length(time: timedelta) -> str:
    """Return a duration in words: ``90 seconds``, ``5 minutes``."""
    seconds = time.total_seconds()
    units = (("hour", 3600), ("minute", 60), ("second", 1))
    unit, size = next(item for item in units if item[1] == 1 or not seconds % item[1])
    return f"{seconds / size:g} {unit}" + ("" if seconds == size else "s")


def listing(config: ExecConfig, entries: Sequence[ScriptEntry]) -> Reply:
    """Return the reply to ``list scripts``."""
    data = [
        {
            "script": entry.text,
            "parameters": list(entry.compiled.placeholders),
            "readOnly": entry.read_only,
            "platforms": list(entry.platforms),
            "timeout": (entry.timeout or config.timeout).total_seconds(),
            "description": entry.description,
        }
        for entry in entries
    ]
    if not entries:
        return Reply.of("You may run no script here.", data={"scripts": data})
    rows = tuple(
        (
            entry.text,
            "at once" if entry.read_only else "after confirmation",
            ", ".join(entry.platforms) or "any",
            length(entry.timeout or config.timeout),
            entry.description,
        )
        for entry in entries
    )
    return Reply.of(
        Table(("Script", "Runs", "Platforms", "Time limit", "Purpose"), rows, _TOGETHER),
        Text('Run one with: execute "SCRIPT" on TARGET', style="note"),
        data={"scripts": data},
    )
