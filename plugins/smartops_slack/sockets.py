"""Socket Mode: SmartOps connects to Slack and needs no public address.

The app-level token that opened the socket authenticates what arrives over it. An
envelope is acknowledged when its messages are durable; Slack sends it again otherwise.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import anyio

from smartops import BackendUnavailable, Refusal, Runtime, Services
from smartops.channels import (
    Channel,
    JsonObject,
    Receipt,
    dump_json,
    object_of,
    parse_json,
    text_of,
)

from .api import SlackApi
from .reading import ACKNOWLEDGED, Reader

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

LONGEST_PAUSE = 60.0
STEADY = 10.0
"""Seconds after which a connection that ends does not count as a failure."""

log = logging.getLogger("smartops.slack")


class SocketMode:
    """Keeps a connection open and accepts the messages that arrive."""

    def __init__(
        self, api: SlackApi, reader: Reader, services: Services, app: Runtime, channel: Channel
    ) -> None:
        self._api = api
        self._reader = reader
        self._clock = services.clock
        self._max_depth = services.max_depth
        self._app = app
        self._channel = channel
        self._failures = 0

    async def run(self) -> None:
        """Stay connected until cancelled.

        Slack announces the end of a connection: the next one is opened while the old one
        is still read.
        """
        async with anyio.create_task_group() as group:
            while True:
                ending = anyio.Event()
                group.start_soon(self._connection, ending)
                await ending.wait()
                await self._clock.sleep(self._pause())

    def _pause(self) -> float:
        if not self._failures:
            return 0.0
        longest = min(LONGEST_PAUSE, 2.0 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    async def _connection(self, ending: anyio.Event) -> None:
        from aiohttp import ClientError, WSMsgType

        began = self._clock.time()
        try:
            async with self._api.socket() as socket:
                async for frame in socket:
                    if frame.type is WSMsgType.TEXT:
                        self._receive(frame.data, socket, ending)
        except BackendUnavailable as error:
            log.warning("Socket Mode is not connected: %s", error)
            await self._clock.sleep(error.retry_after or 0)
        except Refusal as error:
            log.error("Socket Mode cannot be used: %s", error)
        except (ClientError, OSError) as error:
            log.warning("the connection of Socket Mode broke: %s", error)
        if not ending.is_set():
            lasted = self._clock.time() - began
            self._failures = 0 if lasted >= STEADY else self._failures + 1
            ending.set()

    def _receive(self, frame: str, socket: ClientWebSocketResponse, ending: anyio.Event) -> None:
        try:
            envelope = parse_json(frame.encode("utf-8", "replace"), self._max_depth)
        except Refusal as error:
            log.warning("a frame of Socket Mode cannot be read: %s", error)
            return
        kind = text_of(envelope, "type")
        if kind == "hello":
            log.info("Socket Mode is connected")
            self._failures = 0
        elif kind == "disconnect":
            reason = text_of(envelope, "reason")
            log.info("Slack ends a connection of Socket Mode: %.40s", reason)
            if reason == "link_disabled":
                log.error("Socket Mode is switched off in the settings of the Slack app")
                self._failures = 10
            ending.set()
        elif text_of(envelope, "envelope_id"):
            # A failure there is logged, and Slack sends the envelope again.
            self._app.spawn(self._accept, socket, envelope)

    async def _accept(self, socket: ClientWebSocketResponse, envelope: JsonObject) -> None:
        """Accept the messages of an envelope, then acknowledge it."""
        number = text_of(envelope, "envelope_id")
        receipt = self._read(text_of(envelope, "type"), number, object_of(envelope, "payload"))
        if receipt.messages:
            await self._app.accept(self._channel, receipt.messages)
        answer: dict[str, Any] = {"envelope_id": number}
        if envelope.get("accepts_response_payload") is True and receipt.ack.body:
            answer["payload"] = parse_json(receipt.ack.body)
        try:
            await socket.send_str(dump_json(answer).decode())
        except OSError as error:  # the connection is closed: Slack sends the envelope again
            log.info("envelope %s could not be acknowledged: %s", number, error)

    def _read(self, kind: str, id: str, payload: JsonObject) -> Receipt:
        readers = {
            "events_api": self._reader.event,
            "slash_commands": self._reader.command,
            "interactive": self._reader.interaction,
        }
        if kind not in readers:
            log.info("envelope %s: acknowledged, of type %.40r", id, kind)
            return ACKNOWLEDGED
        try:
            return readers[kind](payload, id)
        except Refusal as error:
            log.warning("envelope %s cannot be read: %s", id, error)
            return ACKNOWLEDGED
