"""Rate limits shared by all replicas, in Redis or Valkey."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from smartops.errors import BackendUnavailable, Problem, StartupError
from smartops.reply import Quota
from smartops.services import Clock

from .memory import MemoryLimiter
from .window import Checks, Verdict, Window

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("smartops.limits")

VERSION = "groups-1"
"""The version in every key: a script with another format must not read these keys."""

SCRIPT = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function argument(window, place)
  return tonumber(ARGV[1 + 3 * (window - 1) + place])
end

local function counting(key, seconds)
  local packed = redis.call('GET', key)
  if not packed then return {0, 0} end
  local all = cmsgpack.unpack(packed)
  local ahead = #all < 3 and 0 or all[#all - 1] - (now + seconds)
  if ahead > 0 then
    all[1] = all[1] - ahead
    for i = 3, #all, 2 do all[i] = all[i] - ahead end
    redis.call('SET', key, cmsgpack.pack(all), 'PX', math.ceil(seconds * 1000) + 1000)
  end
  if #all < 3 or all[3] > now then return all end
  local live = {all[1], 0}
  local late = false
  for i = 3, #all, 2 do
    late = late or all[i] > now
    if late then
      live[2] = live[2] + all[i + 1]
      live[#live + 1] = all[i]
      live[#live + 1] = all[i + 1]
    end
  end
  return live
end

local states, least, tight, wait, refusing = {}, nil, 1, -1, nil
for window = 1, #KEYS do
  local state = counting(KEYS[window], argument(window, 2))
  local left = argument(window, 1) - state[2]
  states[window] = state
  if left < 1 then
    if state[3] - now > wait then
      wait, refusing = state[3] - now, window
    end
  elseif not least or left < least then
    least, tight = left, window
  end
end

if refusing then
  return {0, refusing - 1, 0, math.ceil(now + wait), math.max(1, math.ceil(wait))}
end

for window = 1, #KEYS do
  local state, seconds, step = states[window], argument(window, 2), argument(window, 3)
  state[2] = state[2] + 1
  if #state > 2 and state[1] <= now and now < state[1] + step then
    state[#state - 1] = now + seconds
    state[#state] = state[#state] + 1
  else
    state[1] = now
    state[#state + 1] = now + seconds
    state[#state + 1] = 1
  end
  redis.call('SET', KEYS[window], cmsgpack.pack(state), 'PX', math.ceil(seconds * 1000) + 1000)
end
return {1, tight - 1, least - 1, math.ceil(states[tight][3]), 0}
"""
"""The algorithm of the memory limiter, which the server runs atomically.

The state of a key is one packed array: when its newest group began, how many requests
count, then for each group when it expires and how many are in it. Time is the server's,
so that replicas with different clocks agree. If it was put back, the newest group is taken
as of now.
"""

TIMEOUT = 0.5
"""Seconds for one request, connecting included."""
PAUSE = 1.0
"""Seconds after which one request tries an unreachable server again."""
_CONNECTIONS = 32
_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class SharedLimiter:
    """Counts in a Redis or Valkey server, for all replicas together.

    ``url`` is ``redis://``, ``rediss://`` (TLS), ``valkey://`` or ``valkeys://``.
    While the server is unreachable, each process counts for itself in ``fallback``,
    and ``degraded`` is true. Without ``server_time`` the time is that of ``clock``,
    for tests.

    Raises StartupError for a URL it cannot use, and when the ``redis`` extra is
    not installed. It does not connect before the first request.
    """

    def __init__(
        self, url: str, clock: Clock, fallback: MemoryLimiter, *, server_time: bool = True
    ) -> None:
        self._client = _client(url)
        self._connections = asyncio.Semaphore(_CONNECTIONS)
        self._unreachable = _unreachable_errors()
        self._clock = clock
        self._fallback = fallback
        self._server_time = server_time
        self.degraded = False
        self._again = 0.0

    async def take(self, checks: Checks) -> Verdict:
        """Take one request from every window, or, if one has no room, from none."""
        if self.degraded:
            now = asyncio.get_running_loop().time()
            if now < self._again:
                return await self._fallback.take(checks)
            self._again = now + PAUSE  # other requests use the fallback while this one tries
        try:
            verdict = await self._ask(checks)
        except self._unreachable as error:
            self._lost(error)
            return await self._fallback.take(checks)
        self._found()
        return verdict

    async def ping(self) -> None:
        """Return if the server answers, else raise BackendUnavailable."""
        try:
            async with asyncio.timeout(TIMEOUT), self._connections:
                await self._client.ping()
        except self._unreachable as error:
            self._lost(error)
            raise BackendUnavailable(
                "Redis is unreachable; falling back to per-process rate limits"
            ) from error
        self._found()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, checks: Checks) -> Verdict:
        keys = [_key(window, key) for window, key in checks]
        arguments = ["" if self._server_time else repr(self._clock.time())]
        for window, _ in checks:
            arguments += (str(window.limit), repr(window.seconds), repr(window.step))
        async with asyncio.timeout(TIMEOUT), self._connections:
            answer = await self._run(keys, arguments)
        allowed, index, remaining, reset, retry_after = answer
        window = checks[index][0]
        quota = Quota(window.limit, remaining, reset, retry_after)
        return Verdict(bool(allowed), quota, window)

    async def _run(self, keys: list[str], arguments: list[str]) -> Any:
        from redis.exceptions import NoScriptError

        call: Callable[..., Any] = self._client.evalsha
        try:
            return await call(_SHA, len(keys), *keys, *arguments)
        except NoScriptError:  # the server was restarted and does not know the script
            return await self._client.eval(SCRIPT, len(keys), *keys, *arguments)

    def _lost(self, error: Exception) -> None:
        self._again = asyncio.get_running_loop().time() + PAUSE
        if not self.degraded:
            self.degraded = True
            log.warning(
                "rate limiter: Redis unreachable, falling back to per-process limits: %s", error
            )

    def _found(self) -> None:
        if self.degraded:
            self.degraded = False
            log.warning("rate limiter: Redis reachable again")


def _key(window: Window, key: str) -> str:
    """Return the server's key. The tag in braces keeps all keys in one slot of a cluster."""
    return f"{{smartops-limits}}:{VERSION}:{window.name}:{window.seconds:g}:{key}"


def _client(url: str) -> Redis:
    try:
        from redis.asyncio import ConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError:
        problem = Problem(
            "shared rate limits need the redis extra",
            path="limits.url",
            hint="pip install 'smartops[redis]'",
        )
        raise StartupError(problem) from None
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES or not rest:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise StartupError(
            Problem(
                f"rate limits cannot be stored under {scheme}://", hint=f"use memory or {known}"
            )
        )
    try:
        pool: ConnectionPool = ConnectionPool.from_url(
            f"{_SCHEMES[scheme]}://{rest}",
            max_connections=_CONNECTIONS,
            socket_timeout=None,  # each request has one limit for all it does, set around it
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:  # its text may contain part of the password
        problem = Problem("the URL of the rate limits is wrong", path="limits.url")
        raise StartupError(problem) from None
    return Redis.from_pool(pool)


def _unreachable_errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)
