"""The token that goes with every call to the connector."""

from __future__ import annotations

import logging
from typing import Any

import anyio

from smartops import BackendUnavailable, Clock, ValidationFailed
from smartops.channels import HttpClient, HttpReply, parse_json, text_of

from .credentials import Credentials

EARLY_SECONDS = 300.0
"""A token is replaced this long before it expires."""

LOGIN_SECONDS = 10.0

_HINT = "look at app_id, its credential and login_tenant in the section teams"
_HINTS = {
    7000215: "client_secret is wrong: it must be the value of a secret, not its id",
    7000222: "client_secret has expired: make a new one in the bot's registration",
    700016: "app_id is unknown in this tenant: look at app_id and login_tenant",
    90002: "there is no such tenant: look at login_tenant",
    700027: "the registration does not know the certificate",
}
"""What to do about the codes of Entra that misconfigurations have."""

log = logging.getLogger("smartops.teams")


class Tokens:
    """Keeps one token, and gets the next; however many ask, the login is asked once."""

    def __init__(self, credentials: Credentials, http: HttpClient, clock: Clock) -> None:
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._asking = anyio.Lock()

    async def token(self, *, refused: str = "") -> str:
        """Return a token that holds for a while; ``refused`` is one that did not do.

        Raises BackendUnavailable if the login refuses the bot or cannot be asked.
        """
        if self._fresh(refused):
            return self._token
        async with self._asking:
            if not self._fresh(refused):
                await self._renew()
            return self._token

    def _fresh(self, refused: str) -> bool:
        return self._token not in ("", refused) and self._clock.time() < self._until

    async def _renew(self) -> None:
        login = await self._credentials.login()
        reply = await self._http.request(
            login.method,
            login.url,
            headers=login.headers,
            body=login.body,
            timeout=LOGIN_SECONDS,
            max_bytes=64 * 1024,
        )
        answer = _answer(reply)
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


def _answer(reply: HttpReply) -> Any:
    try:
        return parse_json(reply.body)
    except ValidationFailed:
        return {}


def _number(value: object) -> float | None:
    """Return a number, which managed identities write as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return float(value)
    return float(value) if isinstance(value, int | float) else None


def _refusal(reply: HttpReply, answer: Any) -> BackendUnavailable:
    """Return what to raise, and tell the log what is to be mended.

    It may be tried again: a credential that expired is replaced sooner or
    later, and what waits is answered then. The codes hold no secret.
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
