"""The version of SmartOps; the only place it stands."""

__version__ = "0.1.1"
