"""What the command lines of plugins that call AWS share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)/.+)", re.ASCII)
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::\d{12}:assumed-role/(?P<role>[^/]+)/.+", re.ASCII)

C = TypeVar("C")


def section_of(config: C | None) -> C:
    """Return the plugin's section; raises UsageError without a configuration."""
    if config is None:
        raise click.UsageError("this needs a configuration; name it with --config FILE")
    return config


def print_document(document: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(document, indent=2))


def principal_option() -> Callable[[Any], Any]:
    """Return the option ``--principal ARN``: the principal that a role trusts."""
    return click.option(
        "--principal",
        required=True,
        metavar="ARN",
        callback=lambda _context, _option, value: _lasting(value),
        help="Role or user that SmartOps runs as; see `aws sts get-caller-identity`.",
    )


def _lasting(principal: str) -> str:
    """Return a principal that a role can trust; raises BadParameter for anything else."""
    session = _SESSION.fullmatch(principal)
    if session:
        raise click.BadParameter(
            f"that is one session of the role {session['role']}; name the role, as "
            f"`aws iam get-role --role-name {session['role']} --query Role.Arn` tells it",
            param_hint="--principal",
        )
    if not _PRINCIPAL.fullmatch(principal):
        raise click.BadParameter(
            "it must be the ARN of a role or user, arn:aws:iam::…:role/…", param_hint="--principal"
        )
    return principal
