"""``smartops serve``: the server."""

from __future__ import annotations

import gc
import logging
from functools import partial
from pathlib import Path
from typing import Any

import click

from .options import configured

log = logging.getLogger("smartops.cli")


@click.command(short_help="Start the server.")
@configured()
@click.option("--host", metavar="ADDRESS", help="Address to listen on (overrides server.host).")
@click.option("--port", type=int, help="Port to listen on (overrides server.port).")
def serve(config: Path, host: str | None, port: int | None) -> int:
    """Run the server. On SIGTERM it drains in-flight requests, then exits.

    On SIGHUP it reads people, roles, rules, limits and log again.

    Prints the address, the loaded plugins, and a curl line to paste. The log goes to
    standard error.
    """
    import anyio

    from smartops.app import compose
    from smartops.server import load
    from smartops.server import serve as serve_app

    given: dict[str, Any] = {"server.host": host, "server.port": port}
    overrides = {key: value for key, value in given.items() if value is not None}
    app = load(config, overrides)

    def ready(url: str) -> None:
        from .welcome import welcome

        click.echo(welcome(app, config, url))
        gc.collect()
        gc.freeze()  # full collections stop the event loop, for longer the more objects they scan

    async def run() -> None:
        read = partial(compose, config, overrides=overrides, writes=False)
        await serve_app(app, ready=ready, read=read)

    try:
        anyio.run(run)
    except SystemExit:  # raised in a task, it goes through the event loop and stops it
        log.critical("the server was stopped by sys.exit in a plugin", exc_info=True)
        return 1
    return 0
