"""Alerts: which of them matchers mean, where routes post them, and how posts show them."""

from .matching import alert_of, facts_of, matches, silence_of
from .posts import Group, lines_of, reply_of, severity_of, state_of
from .routes import Route

__all__ = [
    "Group",
    "Route",
    "alert_of",
    "facts_of",
    "lines_of",
    "matches",
    "reply_of",
    "severity_of",
    "silence_of",
    "state_of",
]
