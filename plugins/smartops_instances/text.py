"""Texts shared by the commands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smartops import Compute, Instance

_PLAIN = re.compile(r"(?!-)[A-Za-z0-9_.:/@*?+%=-]+")


def named(instances: Sequence[Instance]) -> str:
    """Return the name of a single instance, or the number of instances."""
    return instances[0].label if len(instances) == 1 else f"{len(instances)} instances"


def placed(instance: Instance, compute: Compute) -> str:
    """Return an instance's name, with its backend if there are several."""
    if len(compute.members) == 1:
        return instance.label
    return f"{instance.label} in {instance.backend}"


def written(phrase: str, options: Mapping[str, Any]) -> str:
    """Return the text of a command with options; empty options are left out."""
    words = [phrase]
    for name, value in options.items():
        values = value if isinstance(value, tuple | list) else (value,) if value else ()
        for item in values:
            words += [f"--{name.replace('_', '-')}", _quoted(str(item))]
    return " ".join(words)


def _quoted(text: str) -> str:
    """Return a value quoted, if necessary; a quotation mark in it is doubled."""
    if _PLAIN.fullmatch(text):
        return text
    if '"' not in text and not text.endswith("\\"):
        return f'"{text}"'
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def changed(before: str, after: str) -> str:
    """Return the states before and after, or one state if they are equal."""
    return before if before == after else f"{before} → {after}"
