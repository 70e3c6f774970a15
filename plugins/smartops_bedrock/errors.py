"""What goes wrong with a model: the refusal people see, and the fault it comes from."""

from __future__ import annotations

from smartops import InterpreterFailed


class ModelFailed(InterpreterFailed):
    """The language model did not do its work; ``details`` hold the remedy."""

    code = "BEDROCK_ERROR"
