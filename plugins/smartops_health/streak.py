"""For how long a measurement has been at or above a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartops.backends import Sample


@dataclass(frozen=True, slots=True)
class Streak:
    """An uninterrupted time, up to the latest sample, at or above a level.

    ``average`` is over that time. ``longer``: it fills the whole window, so it may
    have begun earlier.
    """

    length: timedelta
    average: float
    longer: bool


def streak(
    samples: Sequence[Sample], level: float, *, period: timedelta, since: datetime, now: datetime
) -> Streak | None:
    """Return the streak at ``level`` that ends with the latest sample, or None.

    The time of a sample is the start of its period. Samples are sorted, oldest
    first, and the first period contains ``since``. A gap of a period or more ends
    the streak.
    """
    run: list[Sample] = []
    for sample in reversed(samples):
        if sample.value < level or (run and run[-1].at - sample.at >= 2 * period):
            break
        run.append(sample)
    if not run:
        return None
    end = min(run[0].at + period, now)
    start = max(run[-1].at, since)
    average = sum(sample.value for sample in run) / len(run)
    return Streak(end - start, average, longer=run[-1].at < since + period)
