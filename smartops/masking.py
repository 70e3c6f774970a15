"""Masking of secrets in what leaves SmartOps: replies, log lines and audit events.

Two kinds of text are masked: the values of the configuration's secrets, and what has
the format of a well-known credential.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel

from .errors import Problem, StartupError
from .reply import Form, Reply, members_of
from .values import Secret

SHORTEST = 8
"""Configured secrets with fewer characters are not masked: they could be any word."""

_CONFIGURED = "configured secret"
_FORMATS = (
    ("AWS access key", r"(?<![A-Z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Z0-9])"),
    (
        "AWS secret key",
        r"(?P<context>(?i:secret[_-]?access[_-]?key|session[_-]?token)[\"'\\\s:=]{1,8})"
        r"[A-Za-z0-9/+=]{40,}",
    ),
    ("GitHub token", r"gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}"),
    (
        "Slack token",
        r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}"
        r"|hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    ),
    (
        "private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    ("JWT", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
)
_HINTS = (
    "AKIA|ASIA|gh[opsur]_|github_pat_|xox|xapp-|hooks[.]slack|PRIVATE KEY-----|[.]eyJ"
    "|AccessKey|_access_key|-access-key|_ACCESS_KEY"
    "|SessionToken|_session_token|-session-token|_SESSION_TOKEN"
)
"""Matches every text that has one of the formats, and is much faster: each begins with a letter."""

R = TypeVar("R", bound=Reply)


class Masker:
    """Replaces secrets by ``[masked: KIND]``. ``secrets`` are those of the configuration."""

    def __init__(self, secrets: Iterable[str] = (), *, enabled: bool = True) -> None:
        known = sorted(set(_written(secrets)), key=len, reverse=True)
        literals = "|".join(map(re.escape, known))
        kinds = [*([(_CONFIGURED, literals)] if known else ()), *_FORMATS]
        self._enabled = enabled
        self._kinds = {f"kind{number}": kind for number, (kind, _) in enumerate(kinds)}
        self._pattern = re.compile(
            "|".join(f"(?P<kind{number}>{pattern})" for number, (_, pattern) in enumerate(kinds))
        )
        suspect = "|".join(filter(None, (_HINTS, literals)))
        self._suspect = re.compile(suspect).search
        self._suspect_json = re.compile(suspect.encode()).search

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if not self._enabled or self._suspect(text) is None:
            return text
        return self._pattern.sub(self._mask, text)

    def startup_error(self, problems: Iterable[Problem]) -> StartupError:
        """Return the error that these problems are; plugins may have raised some of them."""
        return StartupError(
            *(
                replace(item, text=self.text(item.text), hint=self.text(item.hint))
                for item in problems
            )
        )

    def reply(self, reply: R) -> R:
        """Return the reply without secrets. What its buttons and forms send stays as it is.

        Raises TypeError or ValueError if its data has no JSON form.
        """
        if not self._enabled or self._suspect_json(reply.dump()) is None:
            return reply
        members = members_of(self._masked(json.loads(reply.dump())))
        error = reply.error
        if error is not None:
            details = None if error.details is None else self.text(error.details)
            error = error.reworded(self.text(error.message), details)
            error.excerpt = self.text(error.excerpt)
        blocks = zip(members["view"], reply.view, strict=True)
        actions = zip(members["actions"], reply.actions, strict=True)
        return replace(
            reply,
            data=members["data"],
            view=tuple(
                replace(new, command=old.command) if isinstance(old, Form) else new
                for new, old in blocks
            ),
            actions=tuple(replace(new, value=old.value) for new, old in actions),
            error=error,
        )

    def _mask(self, match: re.Match[str]) -> str:
        return f"{match['context'] or ''}[masked: {self._kinds[match.lastgroup or '']}]"

    def _masked(self, value: Any) -> Any:
        """Return a JSON value without secrets; names of members are context for their values."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(name): self._named(name, item) for name, item in value.items()}
            case [str() as name, str() as text]:
                return [self.text(name), self._named(name, text)]
            case list():
                return [self._masked(item) for item in value]
        return value

    def _named(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return self._masked(value)
        return self.text(f"{name}={value}").removeprefix(f"{self.text(name)}=")


def secrets_in(value: object) -> Iterator[str]:
    """Yield the secrets in a model of the configuration."""
    if isinstance(value, Secret):
        yield from value.parts()
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from secrets_in(inner)
    elif isinstance(value, Mapping):
        yield from secrets_in(tuple(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secrets_in(inner)


def _written(secrets: Iterable[str]) -> Iterator[str]:
    """Yield how secrets may be written: whole, decoded, line by line, and each within JSON."""
    for secret in secrets:
        lines = (line for line in secret.splitlines() if not line.startswith("-----"))
        for text in (secret, unquote(secret), *lines):
            stripped = text.strip()
            if len(stripped) >= SHORTEST:
                yield stripped
                yield json.dumps(stripped)[1:-1]
                yield json.dumps(stripped, ensure_ascii=False)[1:-1]
