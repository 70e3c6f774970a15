"""Configuration: YAML with line numbers, filled into typed settings, all problems at once."""

from .settings import Settings

__all__ = ["Settings"]
