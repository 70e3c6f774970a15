"""``smartops PLUGIN simulate``, one function for each entry point of ``smartops.simulators``.

What they run is imported when they run: it needs the extra ``simulators``.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

PORT = 4566
EXAMPLE = Path(__file__).parent / "aws" / "example.yaml"


def aws(_config: object) -> click.Command:
    """Return ``smartops aws simulate``."""

    @click.command()
    @click.option("--port", default=PORT, show_default=True, help="Port; 0 for any free one.")
    @click.option(
        "--scenario",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="YAML file of the accounts, instances and faults (default: a small example).",
    )
    @click.option("--print-scenario", is_flag=True, help="Print the example scenario.")
    def simulate(port: int, scenario: Path | None, *, print_scenario: bool) -> None:
        """Run a local AWS, free of charge.

        config/aws-local.yaml is a configuration of SmartOps that uses it.
        """
        if print_scenario:
            click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
            return
        try:
            _serve(port, scenario or EXAMPLE)
        except OSError as error:
            raise click.UsageError(f"cannot listen on port {port}: {error.strerror}") from None
        except ValueError as error:
            raise click.UsageError(f"the scenario makes no sense: {_places(error)}") from None

    return simulate


def _serve(port: int, scenario: Path) -> None:
    try:
        from .aws import AwsSimulator
    except ModuleNotFoundError as error:
        text = f"{error.name} is missing; pip install 'smartops[simulators]'"
        raise click.UsageError(text) from error

    stop = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stop.set())
    with AwsSimulator(scenario, port=port) as aws:
        account = next(iter(aws.scenario.accounts))
        click.echo(
            "# An AWS is here until Ctrl-C. Other AWS clients find it by this:\n"
            f"export AWS_ENDPOINT_URL={aws.url}\n"
            f"export AWS_ACCESS_KEY_ID={account}    # an account's number, as the key of that "
            "account\n"
            "export AWS_SECRET_ACCESS_KEY=any\n"
            "export AWS_DEFAULT_REGION=eu-central-1\n"
            "export AWS_EC2_METADATA_DISABLED=true"
        )
        while not stop.wait(1):
            pass


def _places(error: ValueError) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
