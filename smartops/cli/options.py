"""What several sub-commands have in common on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from smartops.errors import Problem, StartupError
from smartops.values import parse_duration

DEFAULT = Path("smartops.yaml")
VARIABLE = "SMARTOPS_CONFIG"

_Function = Callable[..., Any]


def option() -> click.Option:
    """Return the option ``--config``."""
    return click.Option(
        ["--config", "-c"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Configuration file (default: ${VARIABLE}, else {DEFAULT} in this folder).",
    )


def located(given: Path | None, *, required: bool = True) -> Path | None:
    """Return the configuration file that is meant, or None if there need not be one."""
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

    def settle(ctx: click.Context, _: click.Parameter, given: Path | None) -> Path | None:
        if ctx.resilient_parsing:
            return None
        return located(given or ctx.find_root().params.get("config"), required=required)

    def decorate(function: _Function) -> _Function:
        made = option()
        return click.option(
            *made.opts, type=made.type, metavar=made.metavar, help=made.help, callback=settle
        )(function)

    return decorate


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
