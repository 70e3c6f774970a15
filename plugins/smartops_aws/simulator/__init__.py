"""An AWS to test against and to try SmartOps with: one port, no account, nothing to pay.

It speaks the protocols of AWS as botocore's service models define them, and
answers the way AWS does, for the operations that SmartOps uses. What it is
like and what goes wrong there is said by a :class:`Scenario`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import AwsError
    from .calls import Call, Calls
    from .machines import Instance
    from .scenario import Scenario
    from .simulator import AwsSimulator
    from .world import World

__all__ = ["AwsError", "AwsSimulator", "Call", "Calls", "Instance", "Scenario", "World"]

_HOMES = {
    "AwsError": "answers",
    "AwsSimulator": "simulator",
    "Call": "calls",
    "Calls": "calls",
    "Instance": "machines",
    "Scenario": "scenario",
    "World": "world",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: every command of SmartOps comes by here."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
