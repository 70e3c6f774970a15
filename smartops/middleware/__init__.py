"""The way of a message: one step a file, their order one tuple in ``gate``."""

from .gate import STEPS, Gate
from .running import Running
from .turn import Parts, Turn
from .watcher import Watcher
from .wiring import Wired

__all__ = ["STEPS", "Gate", "Parts", "Running", "Turn", "Watcher", "Wired"]
