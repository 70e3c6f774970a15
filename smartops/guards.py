"""What the author of a guard imports besides ``smartops``."""

from .auth.conditions import Conditions
from .command import NeedsApproval

__all__ = ["Conditions", "NeedsApproval"]
