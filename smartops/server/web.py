"""The Quart application: probes, metrics, and errors in the envelope."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Quart, Response
from werkzeug.exceptions import HTTPException

from smartops.app import App
from smartops.errors import InternalError, Refusal, ValidationFailed
from smartops.jsonable import timestamp
from smartops.reply import Reply
from smartops.telemetry import REQUEST_ID
from smartops.version import __version__
from smartops.wire import dump_json, envelope

from .audit import PATH as AUDIT
from .audit import audit_view
from .headers import refusal_headers
from .intake import PATH
from .probes import Probes
from .refusals import NotHere, WrongMethod

log = logging.getLogger("smartops.server")


def web_app(app: App, probes: Probes) -> Quart:
    """Return the Quart application."""
    web = Quart("smartops", static_folder=None)
    web.config["MAX_CONTENT_LENGTH"] = app.settings.server.max_body
    clock = app.composition.services.clock
    base = app.settings.server.base_path
    turn = asyncio.Lock()

    async def health() -> Response:
        status = await probes.health()
        body = {"status": status, "version": __version__, "timestamp": timestamp(clock.now())}
        return _json(body, 503 if status == "unhealthy" else 200)

    async def livez() -> Response:
        return _json({"status": "alive"})

    async def readyz() -> Response:
        ready = await probes.ready()
        checks = [
            {"name": check.name, "ok": check.ok, "text": check.text}
            for check in await probes.checks()
        ]
        body = {"status": "ready" if ready else "not ready", "checks": checks}
        return _json(body, 200 if ready else 503)

    async def metrics() -> Response:
        async with turn:  # one in each cycle of the event loop, so that a flood delays no message
            await asyncio.sleep(0)
            return Response(app.telemetry.expose(), content_type=CONTENT_TYPE_LATEST)

    async def refused(error: HTTPException | Refusal) -> Response:
        refusal = _refusal(error, base)
        return _json(_envelope(refusal), refusal.status, _headers(error))

    async def failed(error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        reference = f"Reference: {REQUEST_ID.get()}"
        return _json(_envelope(InternalError("Something went wrong", details=reference)), 500)

    def _envelope(refusal: Refusal) -> dict[str, Any]:
        reply = Reply(status="error", error=refusal, request_id=REQUEST_ID.get())
        return envelope(reply, clock.now())

    for view in (health, livez, readyz, metrics):
        web.add_url_rule(f"{base}/{view.__name__}", view_func=view, methods=["GET"])
    for channel in [item for item in app.channels if item.fallback][:1]:
        web.add_url_rule(f"{base}{AUDIT}", view_func=audit_view(app, channel), methods=["GET"])
    web.register_error_handler(HTTPException, refused)
    web.register_error_handler(Refusal, refused)
    web.register_error_handler(Exception, failed)
    return web


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    response = Response(dump_json(body), status, content_type="application/json")
    response.headers.update({"Cache-Control": "no-store", **headers})
    return response


def _headers(error: HTTPException | Refusal) -> dict[str, str]:
    if isinstance(error, Refusal):
        return dict(refusal_headers(error))
    return {name: value for name, value in error.get_headers() if name == "Allow"}


def _refusal(error: HTTPException | Refusal, base: str) -> Refusal:
    if isinstance(error, Refusal):
        return error
    match error.code:
        case 404:
            return NotHere("Not found", details=f"Send messages to POST {base}{PATH}.")
        case 405:
            return WrongMethod("This path does not take that method")
    refusal = ValidationFailed("The request is not valid")
    refusal.status = error.code or 400
    return refusal
