"""The arguments of commands, as they are declared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from .backend import Instance


def has_parse(kind: type) -> bool:
    """Whether a type of arguments is read by its own classmethod ``parse``."""
    return not issubclass(kind, Enum) and callable(getattr(kind, "parse", None))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a command.

    ``type`` is ``str``, ``int``, ``float``, ``bool``, ``timedelta``,
    :class:`~smartops.backend.Instance` (resolved against the Compute backend)
    an Enum class or a class with ``parse``; ``choices`` holds the words of a Literal
    or an Enum.
    ``many`` is a list, written with commas or by repeating the option.
    """

    name: str
    type: type
    required: bool
    default: Any = None
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """How the argument is written as an option, without the dashes."""
        return self.name.replace("_", "-")

    @property
    def is_flag(self) -> bool:
        """Whether it is given by ``--name`` or ``--no-name`` alone."""
        return self.type is bool and not self.many

    @property
    def looked_up(self) -> bool:
        """Whether the type says at run time which values there are."""
        return has_parse(self.type) and hasattr(self.type, "choices")

    @property
    def is_target(self) -> bool:
        """Whether the argument names instances."""
        return self.type is Instance
