"""What the author of a guard imports besides ``smartops``."""

from .auth.conditions import Conditions
from .command import NeedsApproval
from .values import format_duration

__all__ = ["Conditions", "NeedsApproval", "format_duration"]
