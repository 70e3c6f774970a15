"""The way of a message: one step a file, their order one tuple in ``gate``."""

from .gate import STEPS, Gate
from .turn import Parts, Turn
from .wiring import Wired

__all__ = ["STEPS", "Gate", "Parts", "Turn", "Wired"]
