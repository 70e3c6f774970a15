"""What scripts answer: patterns from the configuration, then the commands everybody types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from . import linux, windows
from .config import ScriptConfig
from .fleet import matches
from .machine import Machine
from .scene import Outcome


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """What a script does to a service."""

    service: str
    state: str


_CHANGES = re.compile(
    r"(?:sudo +)?systemctl +(?P<linux>start|stop|restart|reload) +(?P<unit>[\w@.-]+)"
    r"|(?P<windows>start|stop|restart)-service +(?:-name +)?['\"]?(?P<name>[\w.-]+)['\"]?",
    re.IGNORECASE,
)


def service_change(script: str) -> ServiceChange | None:
    """Return what a script does to a service, or None if it does nothing of the kind."""
    match = _CHANGES.fullmatch(script.strip())
    if match is None:
        return None
    verb = (match["linux"] or match["windows"]).lower()
    service = (match["unit"] or match["name"]).removesuffix(".service")
    return ServiceChange(service, "inactive" if verb == "stop" else "active")


class Scripts:
    """The book of answers of a world."""

    def __init__(self, told: Sequence[ScriptConfig]) -> None:
        self._told = [(re.compile(item.pattern, re.DOTALL), item) for item in told]

    def run(self, script: str, machine: Machine, at: float) -> Outcome:
        """Return what a script does on a machine that it starts on at a moment."""
        script = script.strip()
        for pattern, item in self._told:
            if pattern.fullmatch(script) and matches(item.instance, machine):
                output = item.output * item.repeat
                return Outcome(output, item.errors, item.exit_code, item.seconds)
        run = windows.run if machine.platform == "windows" else linux.run
        return run(machine, at, script)
