"""The command line. Each sub-command is one file, and imports what is heavy only when it runs.

Errors are one line each, on standard error. The exit status is 0, 1 for a refusal or
a failure, 2 for a wrong usage or configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click

from smartops import __version__
from smartops.errors import Refusal, StartupError

from .audit import audit
from .can_i import can_i
from .chat import chat
from .check import check
from .plugins import plugins
from .root import Root
from .routes import routes
from .say import say
from .schema import schema
from .serve import serve
from .token import token

REFUSED = 1
WRONG = 2
INTERRUPTED = 130


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"smartops {__version__}")


root = Root(
    name="smartops",
    help="Run your infrastructure from chat, safely.\n\n"
    "Commands of plugins are written: smartops PLUGIN COMMAND.",
    commands=[serve, check, plugins, chat, say, token, can_i, audit, routes, schema, version],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    try:
        return root.main(arguments, prog_name="smartops", standalone_mode=False) or 0
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        else:
            _say(_usage(error))
        return WRONG
    except click.ClickException as error:  # a plugin's command may raise one
        _say(f"smartops: {error.format_message()}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except (StartupError, Refusal, BaseExceptionGroup) as error:
        return _explained(error)


def _explained(error: BaseException) -> int:
    """Print the expected errors, one line each; any other error is a bug and raised."""
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, StartupError | Refusal) for leaf in leaves):
        raise error
    for leaf in leaves:
        if isinstance(leaf, StartupError):
            for problem in leaf.problems:
                _say(str(problem))
        elif isinstance(leaf, Refusal):
            _say(f"smartops: {_brief(leaf)}")
    return WRONG if any(isinstance(leaf, StartupError) for leaf in leaves) else REFUSED


def _brief(refusal: Refusal) -> str:
    """Return a refusal as one line, without the excerpt, whose carets need one of their own."""
    hint = (refusal.details or "").removeprefix(refusal.excerpt).strip()
    return "; ".join(filter(None, (refusal.message.rstrip("."), hint)))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _usage(error: click.UsageError) -> str:
    """Return click's complaint as one line in the house's style."""
    where = error.ctx.command_path if error.ctx else "smartops"
    text = " ".join(error.format_message().split()).rstrip(".")
    text = re.sub(r"[.;]? \(?Did you mean (?:one of: )?([^)]*)\)?$", r"; did you mean \1", text)
    text = text.replace(". ", "; ")
    return f"{where}: {text[:1].lower()}{text[1:]}"


def _say(line: str) -> None:
    click.echo(" ".join(line.splitlines()), err=True)


__all__ = ["main"]
