"""Socket Mode: SmartOps calls Slack, and needs no public address.

What comes over the socket needs no signature: the app-level token that opened
it is the proof. An envelope is acknowledged once its messages are durable; what
is not acknowledged, Slack sends again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from smartops import BackendUnavailable, Clock, Message, Refusal
from smartops.channels import JsonObject, Receipt, dump_json, object_of, parse_json, text_of

from .api import SlackApi
from .reading import ACKNOWLEDGED, Reader

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

Accept = Callable[[Sequence[Message]], Awaitable[None]]

LONGEST_PAUSE = 60.0
STEADY = 10.0
"""A connection that lasted that many seconds was no failure."""

log = logging.getLogger("smartops.slack")


class SocketMode:
    """Keeps a connection open and takes in what comes."""

    def __init__(
        self, api: SlackApi, reader: Reader, clock: Clock, accept: Accept, max_depth: int
    ) -> None:
        self._api = api
        self._reader = reader
        self._clock = clock
        self._accept = accept
        self._max_depth = max_depth
        self._failures = 0

    async def forever(self) -> None:
        """Stay connected until cancelled.

        Before Slack ends a connection it says so: the next one is opened while
        the old one is still read.
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
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, and protects nothing

    async def _connection(self, ending: anyio.Event) -> None:
        began = self._clock.time()
        try:
            async with self._api.socket() as socket:
                await self._served(socket, ending)
        except BackendUnavailable as error:
            log.warning("Socket Mode is not connected: %s", error)
            await self._clock.sleep(error.retry_after or 0)
        except Refusal as error:
            log.error("Socket Mode cannot be used: %s", error)
        if not ending.is_set():
            lasted = self._clock.time() - began
            self._failures = 0 if lasted >= STEADY else self._failures + 1
            ending.set()

    async def _served(self, socket: ClientWebSocketResponse, ending: anyio.Event) -> None:
        from aiohttp import ClientError, WSMsgType

        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    continue
                answer = await self._answered(frame.data, ending)
                if answer is not None:
                    await socket.send_str(dump_json(answer).decode())
        except (ClientError, OSError) as error:
            log.warning("the connection of Socket Mode broke: %s", error)

    async def _answered(self, frame: str, ending: anyio.Event) -> dict[str, Any] | None:
        """Take one frame in, and return how to acknowledge it, if at all."""
        try:
            envelope = parse_json(frame.encode("utf-8", "replace"), self._max_depth)
        except Refusal as error:
            log.warning("a frame of Socket Mode cannot be read: %s", error)
            return None
        kind, envelope_id = text_of(envelope, "type"), text_of(envelope, "envelope_id")
        if kind == "hello":
            log.info("Socket Mode is connected")
            self._failures = 0
        elif kind == "disconnect":
            self._parting(text_of(envelope, "reason"), ending)
        elif envelope_id:
            return await self._acknowledgement(kind, envelope_id, envelope)
        return None

    def _parting(self, reason: str, ending: anyio.Event) -> None:
        log.info("Slack ends a connection of Socket Mode: %.40s", reason)
        if reason == "link_disabled":
            log.error("Socket Mode is switched off in the settings of the Slack app")
            self._failures = 10
        ending.set()

    async def _acknowledgement(
        self, kind: str, id: str, envelope: JsonObject
    ) -> dict[str, Any] | None:
        """Take in what an envelope holds; None if it could not be kept and must come again."""
        try:
            receipt = self._read(kind, id, object_of(envelope, "payload"))
            if receipt.messages:
                await self._accept(receipt.messages)
        except Exception:
            log.exception("envelope %s could not be taken in; Slack will send it again", id)
            return None
        answer: dict[str, Any] = {"envelope_id": id}
        if envelope.get("accepts_response_payload") is True and receipt.ack.body:
            answer["payload"] = parse_json(receipt.ack.body)
        return answer

    def _read(self, kind: str, id: str, payload: JsonObject) -> Receipt:
        try:
            if kind == "events_api":
                return self._reader.event(payload, id)
            if kind == "slash_commands":
                return self._reader.command(payload, id)
            if kind == "interactive":
                return self._reader.interaction(payload, id)
        except Refusal as error:
            log.warning("envelope %s cannot be read: %s", id, error)
        else:
            log.info("envelope %s: acknowledged, of type %.40r", id, kind)
        return ACKNOWLEDGED
