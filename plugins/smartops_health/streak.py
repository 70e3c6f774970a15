"""Since when a measurement has been too high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartops.backends import Sample


@dataclass(frozen=True, slots=True)
class Streak:
    """An unbroken time, up to the newest sample, in which a measurement was at or above a level.

    ``average`` is over that time. ``longer`` says that it fills all that was
    looked at, so it may have begun earlier.
    """

    length: timedelta
    average: float
    longer: bool


def streak(
    samples: Sequence[Sample], level: float, *, period: timedelta, since: datetime, now: datetime
) -> Streak | None:
    """Return the streak at ``level`` that ends with the newest sample, or None if there is none.

    Samples stand at the start of their period, oldest first, the first period
    being the one that holds ``since``. A hole of a period or more breaks the
    streak: what was not measured is not evidence.
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
