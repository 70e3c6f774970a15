"""The token for calls to the connector."""

from __future__ import annotations

import logging

import anyio

from smartops import BackendUnavailable, Clock, ValidationFailed
from smartops.channels import HttpClient, HttpReply, JsonObject, parse_json, text_of

from .config import TeamsConfig
from .credentials import token_request

EARLY_SECONDS = 300.0
"""A token is replaced this long before it expires."""

LOGIN_SECONDS = 10.0

_HINT = "check app_id, its credential and login_tenant in the section teams"
_HINTS = {
    7000215: "client_secret is wrong: it must be the value of a secret, not its id",
    7000222: "client_secret has expired: make a new one in the bot's registration",
    700016: "app_id is unknown in this tenant: check app_id and login_tenant",
    90002: "there is no such tenant: check login_tenant",
    700027: "the registration does not know the certificate",
}
"""How to fix the frequent errors of Entra, by code."""

log = logging.getLogger("smartops.teams")


class Tokens:
    """Caches one token and renews it; concurrent callers share one request."""

    def __init__(self, config: TeamsConfig, http: HttpClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._renewing = anyio.Lock()

    async def token(self, *, refused: str = "") -> str:
        """Return a valid token other than ``refused``.

        Raises BackendUnavailable if the login refuses the bot or cannot be reached.
        """
        async with self._renewing:
            if self._token in ("", refused) or self._clock.time() >= self._until:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        request = await token_request(self._config, self._clock)
        reply = await self._http.request(
            request.method,
            request.url,
            headers=request.headers,
            body=request.body,
            timeout=LOGIN_SECONDS,
            max_bytes=64 * 1024,
        )
        answer = body_of(reply)
        if reply.status != 200:
            raise _refusal(reply, answer)
        token = text_of(answer, "access_token")
        if not token:
            raise BackendUnavailable("teams: the login answered without a token")
        now = self._clock.time()
        lifetime = _number(answer.get("expires_in"))
        if lifetime is None:
            lifetime = (_number(answer.get("expires_on")) or now) - now
        self._token, self._until = token, now + max(lifetime - EARLY_SECONDS, lifetime / 2)


def body_of(reply: HttpReply) -> JsonObject:
    """Return the JSON object in a reply; an empty one if there is none."""
    try:
        return parse_json(reply.body)
    except ValidationFailed:
        return {}


def _number(value: object) -> float | None:
    """Return a number; managed identities send it as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return float(value)
    return float(value) if isinstance(value, int | float) else None


def _refusal(reply: HttpReply, answer: JsonObject) -> BackendUnavailable:
    """Return what to raise, and log how to fix it.

    Replies are sent again later, when an expired credential may have been replaced.
    The error codes contain no secret.
    """
    error, codes = answer.get("error"), answer.get("error_codes")
    if reply.status not in (400, 401, 403):
        log.error("the login answered %d: %.100r %.200r", reply.status, error, codes)
        return BackendUnavailable(f"teams: the login answered {reply.status}")
    known = codes if isinstance(codes, list) else ()
    hint = next((_HINTS[code] for code in known if code in _HINTS), _HINT)
    log.error(
        "nothing can be sent: the login refuses the bot's credential (%d %.100r %.200r); %s",
        reply.status,
        error,
        codes,
        hint,
    )
    return BackendUnavailable("teams: the login refuses the bot's credential; the log says why")
