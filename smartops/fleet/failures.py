"""One error for the failures of several backends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smartops.backend import Failure, Instance
from smartops.errors import (
    BackendUnavailable,
    InstanceNotFound,
    PermissionDenied,
    RateLimited,
    Refusal,
    ValidationFailed,
)

MOST = 5
"""The maximum number of names in a message; the rest is counted."""

_BEFORE = (InstanceNotFound, PermissionDenied, RateLimited, ValidationFailed)


def undone(failure: Failure) -> bool:
    """Return whether the failure proves that nothing was done."""
    error = failure.error
    return isinstance(error, _BEFORE) or (isinstance(error, BackendUnavailable) and error.undone)


def refusal(failures: Sequence[Failure]) -> Refusal:
    """Return one error for these failures, each backend with its reason.

    A reason that all of them share is given once.
    """
    first = failures[0]
    if len(failures) == 1:
        return first.error.reworded(str(first), first.error.details)
    if len({(item.error.code, item.error.message, item.error.details) for item in failures}) == 1:
        where = f"In {listed([item.backend for item in failures], ', ')}"
        details = f"{first.error.details}. {where}" if first.error.details else where
        return reworded(failures, first.error.message, details)
    error = reworded(failures, f"{len(failures)} backends refused or did not answer", None)
    error.details = listed([_with_details(failure) for failure in failures], "; ")
    return error


def reworded(failures: Sequence[Failure], message: str, details: str | None) -> Refusal:
    """Return an error with their common code, else with that of an unavailable backend.

    It is retryable if all of them are.
    """
    errors = [failure.error for failure in failures]
    same = len({error.code for error in errors}) == 1
    error = errors[0].reworded(message, details) if same else BackendUnavailable(message)
    error.details = details
    if isinstance(error, BackendUnavailable):
        error.undone = all(map(undone, failures))
    error.retry_after = max((error.retry_after or 0 for error in errors), default=0) or None
    return error


def names(instances: Iterable[Instance]) -> str:
    """Return the names of instances, each with its id."""
    return listed(
        [f"{item.name} ({item.id})" if item.name else item.id for item in instances], ", "
    )


def listed(things: Sequence[str], separator: str) -> str:
    """Return the first few names, and the number of the others."""
    more = len(things) - MOST
    return separator.join(things[:MOST]) + (f" and {more:,} more" if more > 0 else "")


def _with_details(failure: Failure) -> str:
    details = failure.error.details
    return f"{failure} ({details})" if details else str(failure)
