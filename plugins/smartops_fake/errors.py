"""Refusals with the codes of the services that the fake stands in for."""

from __future__ import annotations

from smartops import BackendUnavailable, InterpreterFailed


class RunnerUnavailable(BackendUnavailable):
    """The agent that runs scripts on an instance does not answer."""

    code = "SSM_UNAVAILABLE"


class ModelFailed(InterpreterFailed):
    """The language model did not answer."""

    code = "BEDROCK_ERROR"


class Unforeseen(Exception):
    """Stands for a bug in a backend: not a refusal, so its text must stay in the log."""
