"""``smartops aws simulate``: the look-alike for a person."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import click

PORT = 4566
EXAMPLE = Path(__file__).parent / "example.yaml"


@click.command()
@click.option("--port", default=PORT, show_default=True, help="The port to listen on; 0 for any.")
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file that says what there is and what goes wrong; else a small example.",
)
@click.option("--print-scenario", is_flag=True, help="Print the example, to begin one's own with.")
def simulate(port: int, scenario: Path | None, *, print_scenario: bool) -> None:
    """Run an AWS on this machine, to try SmartOps with: made up, and free of charge.

    config/aws-local.yaml is a configuration of SmartOps that uses it.
    """
    if print_scenario:
        click.echo(EXAMPLE.read_text(encoding="utf-8"), nl=False)
        return
    try:
        asyncio.run(_serve(port, scenario or EXAMPLE))
    except (ValueError, OSError) as error:
        raise click.UsageError(_told(error, port)) from None


def _told(error: Exception, port: int) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        places = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return "the scenario makes no sense: " + "; ".join(places)
    if isinstance(error, OSError):
        return f"cannot listen on port {port}: {error.strerror}"
    return f"the scenario makes no sense: {error}"


async def _serve(port: int, scenario: Path) -> None:
    from .simulator import AwsSimulator

    async with AwsSimulator.start(scenario, port=port) as simulator:
        for line in environment(simulator.url, next(iter(simulator.scenario.accounts))):
            click.echo(line)
        await _interrupted()


def environment(url: str, account: str) -> list[str]:
    """Return the lines that let every AWS client of a shell use the look-alike."""
    return [
        "# An AWS is here until Ctrl-C. Other AWS clients find it by this:",
        f"export AWS_ENDPOINT_URL={url}",
        f"export AWS_ACCESS_KEY_ID={account}    # an account's number, as the key of that account",
        "export AWS_SECRET_ACCESS_KEY=any",
        "export AWS_DEFAULT_REGION=eu-central-1",
        "export AWS_EC2_METADATA_DISABLED=true",
    ]


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows stops by the exception alone
            loop.add_signal_handler(each, stop.set)
    await stop.wait()
