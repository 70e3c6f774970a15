"""Refusals of malformed requests, before their body is parsed."""

from __future__ import annotations

from smartops.errors import AuthenticationFailed, BackendUnavailable, ValidationFailed


class NotHere(ValidationFailed):
    """There is nothing at this path."""

    status = 404


class WrongMethod(ValidationFailed):
    """The path does not take this method."""

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
    """Too many bodies are being read at once."""


def unrecognised() -> AuthenticationFailed:
    """Return the refusal of a request that no channel recognises."""
    return AuthenticationFailed("Invalid or missing bearer token")
