"""What the author of a guard imports besides ``smartops``: the conditions of rules."""

from .auth.conditions import Conditions

__all__ = ["Conditions"]
