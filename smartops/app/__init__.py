"""Putting it together: a configuration becomes a composition, a composition a running app."""

from .composition import Composition, assemble, compose
from .parts import query
from .running import App, Check

__all__ = ["App", "Check", "Composition", "assemble", "compose", "query"]
