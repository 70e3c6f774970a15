"""What the infrastructure costs, and how that changes."""

from collections.abc import Iterable

from smartops import Command, hookimpl

from .command import costs


@hookimpl
def register_commands() -> Iterable[Command]:
    """Return the command ``costs``."""
    return [costs]
