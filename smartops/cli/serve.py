"""``smartops serve``: the server."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import configured

if TYPE_CHECKING:
    from smartops.app import App

log = logging.getLogger("smartops.cli")


@click.command(short_help="Start the server.")
@configured()
@click.option("--host", metavar="ADDRESS", help="Listen on this address, whatever the file says.")
@click.option("--port", type=int, help="Listen on this port, whatever the file says.")
def serve(config: Path, host: str | None, port: int | None) -> int:
    """Serve until told to stop; what was accepted is finished first.

    Prints where it listens, what is loaded, and a line that can be pasted to try
    it. The log goes to standard error.
    """
    import anyio
    from prometheus_client import disable_created_metrics

    from smartops.app import App, compose
    from smartops.server import engine
    from smartops.server import serve as serve_app
    from smartops.telemetry import configure

    given: dict[str, Any] = {"server.host": host, "server.port": port}
    overrides = {key: value for key, value in given.items() if value is not None}
    configure()
    composition = compose(config, overrides=overrides)
    configure(composition.settings.log.level, composition.settings.log.format)
    # Otherwise they are half of all series, and say nothing of use.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    app = App(composition)

    def ready(url: str) -> None:
        click.echo(_welcome(app, config, url))
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again would hold up everybody

    async def run() -> None:
        await serve_app(app, ready=ready)

    new_loop = engine(composition.settings.server.engine).new_loop
    try:
        anyio.run(run, backend_options={"loop_factory": new_loop})
    except SystemExit:  # raised in a task, it goes through the event loop and stops it
        log.critical("the server was stopped by sys.exit in a plugin", exc_info=True)
        return 1
    return 0


def _welcome(app: App, config: Path, url: str) -> str:
    from .welcome import welcome

    return welcome(app, config, url)
