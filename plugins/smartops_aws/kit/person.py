"""The person whose command AWS is called for, as the name of the session in CloudTrail."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from hashlib import blake2b

from smartops import Call, Reply

_person: ContextVar[str] = ContextVar("smartops_aws_person", default="")

BOT = "smartops"
"""The name of a session in which SmartOps reads for itself."""

_LONGEST = 64
_DIGEST = 4


async def for_person(call: Call, call_next: Callable[[Call], Awaitable[Reply]]) -> Reply:
    """Call the next layer in the name of the person of the call."""
    token = _person.set(call.person.name)
    try:
        return await call_next(call)
    finally:
        _person.reset(token)


def session_name() -> str:
    """Return the name of the session that changes are made in: the person's, as AWS allows it.

    A name that has to be altered gets a digest, so that no two people share one.
    """
    person = _person.get()
    if not person:
        return BOT
    plain = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", person)
    if plain == person and 2 <= len(person) <= _LONGEST and person != BOT:
        return person
    digest = blake2b(person.encode(), digest_size=_DIGEST).hexdigest()
    return f"{plain[: _LONGEST - len(digest) - 1]}-{digest}"
