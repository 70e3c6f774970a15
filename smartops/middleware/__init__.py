"""The way of a message: one step a file, their order one tuple in ``gate``."""

from .gate import STEPS, Gate
from .permission import Permission, may_run
from .running import Running
from .turn import Parts, Turn
from .watcher import Watcher
from .wiring import Wired

__all__ = ["STEPS", "Gate", "Parts", "Permission", "Running", "Turn", "Watcher", "Wired", "may_run"]
