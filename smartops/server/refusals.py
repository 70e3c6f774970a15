"""What is refused because of how it was sent, before anybody looks at what it says."""

from __future__ import annotations

from smartops.errors import AuthenticationFailed, BackendUnavailable, ValidationFailed


class NotHere(ValidationFailed):
    """There is nothing at this path."""

    status = 404


class WrongMethod(ValidationFailed):
    """The path knows other methods."""

    status = 405


class TooSlow(ValidationFailed):
    """The client did not send its body in time."""

    status = 408


class TooLarge(ValidationFailed):
    """The body is larger than allowed."""

    status = 413


class HeadersTooLarge(ValidationFailed):
    """The path and the headers are larger than allowed."""

    status = 431


class WrongVersion(ValidationFailed):
    """The client speaks another version of HTTP."""

    status = 505


class TooBusy(BackendUnavailable):
    """So many bodies are being read that there is no room for one more."""


def unrecognised() -> AuthenticationFailed:
    """Return the refusal of a request that no channel takes; it gives no reason away."""
    return AuthenticationFailed("Invalid or missing bearer token")
