"""The connector of the Bot Framework: what the bot says goes there.

A message that was sent may have arrived even if nobody says so, and there is no
key by which a second one would be known as the same. So what may have been a
success is tried again only where a second time does no harm.
"""

from __future__ import annotations

import json
import logging
import random
from dataclasses import dataclass
from urllib.parse import quote

from smartops import (
    BackendUnavailable,
    Clock,
    DeadlineExceeded,
    PermissionDenied,
    Refusal,
    Unreachable,
    ValidationFailed,
)
from smartops.channels import HttpClient, HttpReply, object_of, parse_json, retry_after, text_of

from .activity import Activity
from .hosts import ServiceHosts
from .lanes import Lane, Lanes
from .tokens import Tokens

TRIES = 4
SECONDS = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 20.0
_LONGEST_WAIT = 60.0
_DONE = (200, 201, 202, 204)
_NOT_TAKEN = (412, 429)
_MAYBE_TAKEN = (408, 500, 502, 503, 504)

log = logging.getLogger("smartops.teams")


class Gone(PermissionDenied):
    """The bot may not speak in this conversation any more, or it is no more."""


class MessageGone(Refusal):
    """The message that was to be changed or answered is not there any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call.

    With ``twice`` it does no harm to make it a second time. ``about`` says that
    it is about a message, which may be there no more. ``tries`` is how often it
    may be made in all.
    """

    method: str
    url: str
    body: bytes | None = None
    twice: bool = False
    about: bool = False
    tries: int = TRIES


class Connector:
    """Calls the connector at the service URL that an activity came from."""

    def __init__(
        self,
        tokens: Tokens,
        http: HttpClient,
        clock: Clock,
        hosts: ServiceHosts,
        *,
        seconds: float = SECONDS,
    ) -> None:
        self.lanes = Lanes(clock)
        self._tokens = tokens
        self._http = http
        self._clock = clock
        self._hosts = hosts
        self._seconds = seconds

    async def send(self, lane: Lane, base: str, conversation: str, activity: bytes) -> str:
        """Post an activity, and return its id."""
        url = self._url(base, "conversations", conversation, "activities")
        return text_of(await self._call(lane, Request("POST", url, activity)), "id")

    async def reply(
        self, lane: Lane, base: str, conversation: str, to: str, activity: bytes
    ) -> str:
        """Post an activity as the answer to another one, and return its id; raises MessageGone."""
        url = self._url(base, "conversations", conversation, "activities", to)
        return text_of(await self._call(lane, Request("POST", url, activity, about=True)), "id")

    async def update(
        self, lane: Lane, base: str, conversation: str, id: str, activity: bytes
    ) -> None:
        """Put an activity in the place of one of ours; raises MessageGone if it is not there."""
        url = self._url(base, "conversations", conversation, "activities", id)
        await self._call(lane, Request("PUT", url, activity, twice=True, about=True))

    async def delete(self, lane: Lane, base: str, conversation: str, id: str) -> None:
        """Delete an activity of ours; raises MessageGone if it is not there."""
        url = self._url(base, "conversations", conversation, "activities", id)
        await self._call(lane, Request("DELETE", url, twice=True, about=True))

    async def typing(self, lane: Lane, base: str, conversation: str) -> None:
        """Show for a few seconds that an answer is being written; the answer waits for it."""
        url = self._url(base, "conversations", conversation, "activities")
        await self._call(lane, Request("POST", url, b'{"type":"typing"}', twice=True, tries=1))

    async def create(self, lane: Lane, base: str, bot: str, user: str, tenant: str) -> str:
        """Return the id of the one-to-one conversation with a user; it is made if need be."""
        wanted = {
            "bot": {"id": bot},
            "members": [{"id": user}],
            "isGroup": False,
            "tenantId": tenant,
            "channelData": {"tenant": {"id": tenant}},
        }
        url = self._url(base, "conversations")
        body = json.dumps(wanted).encode()
        made = await self._call(lane, Request("POST", url, body, twice=True))
        chat = text_of(made, "id")
        if not chat:
            raise BackendUnavailable("teams: the connector made a conversation without an id")
        return chat

    def _url(self, base: str, *segments: str) -> str:
        """Return the address of a call; raises PermissionDenied if the token may not go there."""
        if not self._hosts.allows(base):
            raise PermissionDenied("teams: answers may not be sent to this service URL")
        path = "/".join(quote(segment, safe="") for segment in segments)
        return f"{base.rstrip('/')}/v3/{path}"

    async def _call(self, lane: Lane, request: Request) -> Activity:
        """Make a call, trying again where that is allowed, and return what is answered."""
        pause = _FIRST_PAUSE
        refused = ""
        for tries_left in reversed(range(request.tries)):
            token = await self._tokens.token(refused=refused)
            reply: HttpReply | None = None
            try:
                async with self.lanes.call(lane):
                    reply = await self._ask(request, token)
            except Unreachable:
                if not tries_left:
                    raise
            except BackendUnavailable as error:
                if not request.twice:
                    raise _unknown(str(error)) from error
                if not tries_left:
                    raise
            else:
                if reply.status in _DONE:
                    return _body(reply)
                if reply.status == 401 and not refused:
                    refused = token
                    continue
                self._final(request, reply, tries_left)
            spread = random.uniform(0.75, 1.25)  # noqa: S311 - spreads, and protects nothing
            asked = retry_after(reply.headers) if reply else None
            await self._clock.sleep(max(asked or 0, pause * spread))
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise BackendUnavailable("teams: the connector refuses the bot's token")

    async def _ask(self, request: Request, token: str) -> HttpReply:
        headers = {"Authorization": f"Bearer {token}"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(
            request.method,
            request.url,
            headers=headers,
            body=request.body,
            timeout=self._seconds,
        )

    @staticmethod
    def _final(request: Request, reply: HttpReply, tries_left: int) -> None:
        """Raise what an answer means, unless the call may be made again."""
        status = reply.status
        error = object_of(_body(reply), "error")
        code = text_of(error, "code") or text_of(error, "subCode")
        told = status in _NOT_TAKEN or (status == 503 and "retry-after" in reply.headers)
        if told or (status in _MAYBE_TAKEN and request.twice):
            seconds = retry_after(reply.headers) or None
            if tries_left and (seconds or 0) <= _LONGEST_WAIT:
                return
            raise BackendUnavailable(f"teams: the connector answers {status}", retry_after=seconds)
        if status == 404 and request.about and code != "ConversationNotFound":
            raise MessageGone("teams: the message is not there any more")
        log.error(
            "the connector answered %d %.60r to %s; correlation %.60r",
            status,
            code,
            request.method,
            reply.headers.get("x-correlating-operationid"),
        )
        if status in _MAYBE_TAKEN:
            raise _unknown(f"the connector answered {status}")
        if status in (403, 404):
            raise Gone(f"teams: the connector answered {status} {code[:60]}".rstrip())
        if status == 401:
            raise BackendUnavailable("teams: the connector refuses the bot's token")
        raise ValidationFailed(f"teams: the connector answered {status}")


def _unknown(what: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"teams: {what}", details="The message may have arrived, so it is not sent again."
    )


def _body(reply: HttpReply) -> Activity:
    try:
        return parse_json(reply.body)
    except ValidationFailed:
        return {}
