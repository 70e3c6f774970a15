"""Texts of the health report."""

from __future__ import annotations

from datetime import timedelta


def minutes(length: timedelta) -> str:
    """Return a duration in words: ``30 minutes``, ``5 hours``, ``3 days``."""
    whole = max(1, round(length.total_seconds() / 60))
    if whole < 120:
        return counted(whole, "minute")
    if whole < 48 * 60:
        return counted(round(whole / 60), "hour")
    return counted(round(whole / 1440), "day")


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 instance``, ``10,000 instances``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
