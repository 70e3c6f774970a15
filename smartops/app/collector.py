"""The audit log to an HTTP collector, in batches of JSON."""

from __future__ import annotations

import json

from smartops.config.settings import CollectorSettings
from smartops.errors import BackendUnavailable
from smartops.services import HttpClient
from smartops.sink import AuditBatch, AuditSink


class Collector(AuditSink):
    """Posts ``{"events": [...], "checkpoints": [...]}``; an answer 2xx is the receipt."""

    name = "http"

    def __init__(self, settings: CollectorSettings, http: HttpClient) -> None:
        self._settings = settings
        self._http = http

    async def send(self, batch: AuditBatch) -> None:
        """Post the batch."""
        headers = {"Content-Type": "application/json"}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token.reveal()}"
        content = {"events": batch.events, "checkpoints": batch.checkpoints}
        body = json.dumps(content, ensure_ascii=False).encode()
        reply = await self._http.request("POST", self._settings.url, headers=headers, body=body)
        if not 200 <= reply.status < 300:
            raise BackendUnavailable(f"the collector answered {reply.status}")
