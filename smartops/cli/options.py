"""Options that several sub-commands have, and how replies are printed."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from smartops.errors import Problem, StartupError
from smartops.reply import Reply
from smartops.values import parse_duration

DEFAULT = Path("smartops.yaml")
VARIABLE = "SMARTOPS_CONFIG"
QUESTION = 'Type "yes" to confirm, "no" to cancel.'

NAMES = ("--config", "-c")
CONFIG: dict[str, Any] = {
    "type": click.Path(path_type=Path),
    "metavar": "FILE",
    "help": f"Configuration file (default: ${VARIABLE}, else {DEFAULT} in this folder).",
}

_Function = Callable[..., Any]


def located(given: Path | None, *, required: bool = True) -> Path | None:
    """Return the configuration file, or None if there is none and it is not ``required``."""
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if DEFAULT.exists():
        return DEFAULT
    if required:
        raise StartupError(
            Problem(
                f"there is no {DEFAULT} in this folder",
                where="smartops",
                hint=f"name a configuration with --config FILE or {VARIABLE}",
            )
        )
    return None


def configured(*, required: bool = True) -> Callable[[_Function], _Function]:
    """Give a command the option ``--config``, and its function the file as ``config``."""

    def locate(ctx: click.Context, _: click.Parameter, given: Path | None) -> Path | None:
        if ctx.resilient_parsing:
            return None
        return located(given or ctx.find_root().params.get("config"), required=required)

    return click.option(*NAMES, callback=locate, **CONFIG)


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
    """Return the message; an argument of several words is quoted if there are others."""
    if len(words) == 1:
        return words[0]
    return " ".join(_quoted(word) if re.search(r"\s", word) else word for word in words)


def _quoted(word: str) -> str:
    return f"'{word}'" if '"' in word else f'"{word}"'


def printed(reply: Reply, *, question: bool = False, columns: int = 0) -> str:
    """Return a reply as text; with ``question``, "yes" and "no" replace its buttons.

    With ``columns`` the text is for a terminal of this width.
    """
    from smartops.render import plain

    if question:
        others = tuple(item for item in reply.actions if item.type == "command")
        reply = replace(reply, actions=others)
    view = plain(reply)
    actions = plain(reply, actions=True).removeprefix(view).strip("\n")
    if columns:
        from .terminal import drawn

        view = drawn(reply, columns)
    return "\n\n".join(filter(None, (view, actions, QUESTION if question else "")))


class DurationType(click.ParamType):  # type: ignore[type-arg]  # no argument before click 8.4
    """A duration such as ``12h``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, or fail with what it should look like."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
