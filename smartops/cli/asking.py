"""Options of the sub-commands that talk to SmartOps, and how its answers look."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from smartops.reply import Reply

_Function = Callable[..., Any]
QUESTION = 'Type "yes" to confirm, "no" to cancel.'


def asking(function: _Function) -> _Function:
    """Give a command ``--user`` and ``--log-level``."""
    function = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="warning",
        show_default=True,
        help="Lowest level to log, to standard error.",
    )(function)
    return click.option(
        "--user",
        metavar="NAME",
        default=_login,
        help="Send as console:NAME (default: your login name).",
    )(function)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "operator"


def joined(words: Sequence[str]) -> str:
    """Return what was said; what the shell took as one word of several is one word to SmartOps."""
    if len(words) == 1:
        return words[0]
    return " ".join(_quoted(word) if re.search(r"\s", word) else word for word in words)


def _quoted(word: str) -> str:
    return f"'{word}'" if '"' in word else f'"{word}"'


def shown(reply: Reply, *, question: bool) -> str:
    """Return a reply as text; with ``question``, yes and no stand for its buttons."""
    from dataclasses import replace

    from smartops.render import plain

    if not question:
        return plain(reply, actions=True)
    others = tuple(item for item in reply.actions if item.type == "command")
    return f"{plain(replace(reply, actions=others), actions=True)}\n\n{QUESTION}"
