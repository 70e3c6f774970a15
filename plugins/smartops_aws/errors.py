"""The refusal that only this platform has."""

from __future__ import annotations

from smartops import BackendUnavailable


class SsmUnavailable(BackendUnavailable):
    """The agent that runs scripts on an instance does not answer."""

    code = "SSM_UNAVAILABLE"
