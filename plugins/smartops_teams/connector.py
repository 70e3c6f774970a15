"""The connector of the Bot Framework, which the bot sends its messages to.

A call has no idempotency key, and a message can arrive although its call failed. So
a call that may have succeeded is only repeated if a second time does no harm.
"""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio

from smartops import (
    BackendUnavailable,
    Clock,
    DeadlineExceeded,
    PermissionDenied,
    Refusal,
    Unreachable,
    ValidationFailed,
)
from smartops.channels import (
    HttpClient,
    HttpReply,
    Pace,
    Paces,
    compact_json,
    object_of,
    retry_after,
    text_of,
)

from .activity import Activity
from .tokens import Tokens, body_of

PER_CONVERSATION: Sequence[tuple[int, float]] = ((7, 1.0), (8, 2.0), (60, 30.0), (1800, 3600.0))
"""How many calls Teams takes from a bot in one conversation, and in how many seconds."""

ALTOGETHER: Sequence[tuple[int, float]] = ((30, 1.0),)
"""How many it takes in all conversations; newer versions of its documentation say 50."""

TRIES = 4
TIMEOUT = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 20.0
_LONGEST_WAIT = 60.0
_DONE = (200, 201, 202, 204)
_NOT_TAKEN = (412, 429)
_MAYBE_TAKEN = (408, 500, 502, 503, 504)

log = logging.getLogger("smartops.teams")


class Gone(PermissionDenied):
    """The bot may not send to this conversation, or the conversation does not exist."""


class MessageGone(Refusal):
    """The message to be changed or answered does not exist."""


class Lane(Pace):
    """The calls of one conversation, which are made one after the other."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, PER_CONVERSATION)
        self.lock = anyio.Lock(fast_acquire=True)

    @property
    def idle(self) -> bool:
        """Whether the lane can be removed."""
        return super().idle and not self.lock.locked()


@dataclass(frozen=True, slots=True)
class Request:
    """A call.

    ``repeatable`` says that a second call does no harm, ``about_message`` that the URL
    is that of a message. ``tries`` limits the number of calls.
    """

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    repeatable: bool = False
    about_message: bool = False
    tries: int = TRIES


class Connector:
    """Calls the connector at the service URL that an activity came from."""

    def __init__(
        self, tokens: Tokens, http: HttpClient, clock: Clock, allows: Callable[[str], bool]
    ) -> None:
        self._tokens = tokens
        self._http = http
        self._clock = clock
        self._allows = allows
        self._lanes = Paces(lambda: Lane(clock))
        self._altogether = Pace(clock, ALTOGETHER)

    @asynccontextmanager
    async def conversation(self, base: str, id: str) -> AsyncIterator[Conversation]:
        """Return a context in which no other caller calls this conversation.

        Raises PermissionDenied if the token may not be sent to the service URL ``base``.
        """
        if not self._allows(base):
            raise PermissionDenied("teams: answers may not be sent to this service URL")
        lane = self._lanes[id]
        async with lane.lock:
            yield Conversation(self, lane, f"{base.rstrip('/')}/v3/conversations", id)

    async def call(self, lane: Lane, request: Request) -> Activity:
        """Make a call, repeat it where that is allowed, and return the answer."""
        pause, refused = _FIRST_PAUSE, ""
        for tries_left in reversed(range(request.tries)):
            token = await self._tokens.token(refused=refused)
            try:
                reply = await self._ask(lane, request, token)
            except BackendUnavailable as error:
                failure: Refusal = error
            else:
                if reply.status in _DONE:
                    return body_of(reply)
                if reply.status == 401:
                    if refused:
                        break
                    refused = token
                    continue
                failure = _failure(request, reply)
            wait = failure.retry_after or 0
            if not (isinstance(failure, BackendUnavailable) and tries_left) or wait > _LONGEST_WAIT:
                raise failure
            spread = random.uniform(0.75, 1.25)  # noqa: S311 - no security depends on it
            await self._clock.sleep(max(wait, pause * spread))
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise BackendUnavailable("teams: the connector refuses the bot's token")

    async def _ask(self, lane: Lane, request: Request, token: str) -> HttpReply:
        headers = {"Authorization": f"Bearer {token}"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        await lane.turn()
        await self._altogether.turn()
        try:
            return await self._http.request(
                request.method,
                request.url,
                headers=headers,
                body=None if request.body is None else compact_json(request.body),
                timeout=TIMEOUT,
            )
        except Unreachable:
            raise
        except BackendUnavailable as error:
            if request.repeatable:
                raise
            raise _unknown(str(error)) from error
        finally:
            lane.ended()


class Conversation:
    """One conversation, while the caller holds its lane."""

    def __init__(self, connector: Connector, lane: Lane, root: str, id: str) -> None:
        self._connector = connector
        self._lane = lane
        self._root = root
        self._activities = f"{root}/{quote(id, safe='')}/activities"

    async def send(self, activity: Activity) -> str:
        """Post an activity, and return its id."""
        return await self._post(Request("POST", self._activities, activity))

    async def reply(self, to: str, activity: Activity) -> str:
        """Post an activity as the answer to another one, and return its id; raises MessageGone."""
        return await self._post(Request("POST", self._url(to), activity, about_message=True))

    async def update(self, id: str, activity: Activity) -> None:
        """Replace an activity of the bot; raises MessageGone."""
        url = self._url(id)
        await self._change(Request("PUT", url, activity, repeatable=True, about_message=True))

    async def delete(self, id: str) -> None:
        """Delete an activity of the bot; raises MessageGone."""
        url = self._url(id)
        await self._change(Request("DELETE", url, repeatable=True, about_message=True))

    async def typing(self) -> None:
        """Show for some seconds that the bot is typing; not repeated, as the answer would wait."""
        typing = {"type": "typing"}
        await self._change(Request("POST", self._activities, typing, repeatable=True, tries=1))

    async def create(self, bot: str, user: str, tenant: str) -> str:
        """Return the id of the one-to-one conversation with a user; creates it if necessary."""
        wanted = {
            "bot": {"id": bot},
            "members": [{"id": user}],
            "isGroup": False,
            "tenantId": tenant,
            "channelData": {"tenant": {"id": tenant}},
        }
        made = await self._post(Request("POST", self._root, wanted, repeatable=True))
        if not made:
            raise BackendUnavailable("teams: the connector made a conversation without an id")
        return made

    def _url(self, activity: str) -> str:
        return f"{self._activities}/{quote(activity, safe='')}"

    async def _post(self, request: Request) -> str:
        return text_of(await self._connector.call(self._lane, request), "id")

    async def _change(self, request: Request) -> None:
        await self._connector.call(self._lane, request)


def _failure(request: Request, reply: HttpReply) -> Refusal:
    """Return what an error status means: BackendUnavailable if the call may be repeated."""
    status = reply.status
    error = object_of(body_of(reply), "error")
    code = text_of(error, "code") or text_of(error, "subCode")
    not_taken = status in _NOT_TAKEN or (status == 503 and "retry-after" in reply.headers)
    if not_taken or (status in _MAYBE_TAKEN and request.repeatable):
        seconds = retry_after(reply.headers) or None
        return BackendUnavailable(f"teams: the connector answers {status}", retry_after=seconds)
    if status == 404 and request.about_message and code != "ConversationNotFound":
        return MessageGone("teams: the message is not there any more")
    log.error(
        "the connector answered %d %.60r to %s; correlation %.60r",
        status,
        code,
        request.method,
        reply.headers.get("x-correlating-operationid"),
    )
    if status in _MAYBE_TAKEN:
        return _unknown(f"the connector answered {status}")
    if status in (403, 404):
        return Gone(f"teams: the connector answered {status} {code[:60]}".rstrip())
    return ValidationFailed(f"teams: the connector answered {status}")


def _unknown(what: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"teams: {what}", details="The message may have arrived, so it is not sent again."
    )
