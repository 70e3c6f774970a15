"""Small values of configuration: durations, sizes and secrets.

Plugins' models use them as annotations. This module imports nothing of SmartOps,
and pydantic only when a model uses one of its types.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = r"\d{1,9}(?:\.\d{1,6})?(?:ms|[smhd])"
_DURATION = re.compile(rf"(?:{_PART})+", re.ASCII)
_LONGEST = timedelta(days=36500)

_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SIZES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"(0|[1-9]\d{0,14}) ?([A-Za-z]{0,3})", re.ASCII)


class Referenced(str):
    """Text resolved, at least in part, from a reference such as ``${NAME}``.

    ``pattern`` is the text in the file; ``bare`` is True if the file holds no
    part of the value, such as a default.
    """

    __slots__ = ("bare", "pattern")
    pattern: str
    bare: bool

    @classmethod
    def of(cls, text: str, pattern: str, *, bare: bool) -> Self:
        """Return ``text``, the resolved value of ``pattern``."""
        made = cls(text)
        made.pattern = pattern
        made.bare = bare
        return made


def parse_duration(text: str) -> timedelta:
    """Return the duration written as ``30s``, ``5m``, ``1h30m``, ``90d`` or ``250ms``.

    Raises ValueError, whose message does not contain the input.
    """
    compact = text.strip().lower()
    if not _DURATION.fullmatch(compact):
        if re.fullmatch(r"\d+(\.\d+)?", compact):
            raise ValueError("a duration needs a unit, such as 30s, 5m, 2h or 90d")
        raise ValueError("must be a duration, such as 30s, 5m, 1h30m or 90d")
    parts = re.findall(r"([\d.]+)(ms|[smhd])", compact)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValueError("is too long: at most 36500d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return the shortest text that :func:`parse_duration` parses to this duration."""
    left = duration // timedelta(microseconds=1)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size * 1_000_000)
        if count:
            parts.append(f"{count}{unit}")
    if left:
        parts.append(f"{left / 1000:g}ms")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Return the number of bytes written as ``512``, ``256KiB`` or ``1MB``.

    Raises ValueError, whose message does not contain the input.
    """
    match = _SIZE.fullmatch(text.strip())
    factor = _SIZES.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError("must be a number of bytes, such as 65536, 256KiB or 1MB")
    return int(match[1]) * factor


def _refuse(error: ValueError) -> Exception:
    from pydantic_core import PydanticCustomError

    return PydanticCustomError("smartops", "{reason}", {"reason": str(error)})


class _DurationRule:
    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            _read_duration,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(format_duration),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^({_PART})+$", "examples": ["30s", "5m", "1h30m"]}


def _read_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refuse(ValueError("must be a duration, such as 30s, 5m, 1h30m or 90d"))
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise _refuse(error) from None


class _SizeRule:
    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_read_size, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": ["integer", "string"], "examples": [65536, "256KiB", "1MB"]}


def _read_size(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_size(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _refuse(error) from None


Duration = Annotated[timedelta, _DurationRule()]
"""A timedelta, written as ``30s``, ``5m``, ``1h30m`` or ``90d``."""

ByteSize = Annotated[int, _SizeRule()]
"""A number of bytes, which may be written as ``256KiB`` or ``1MB``."""


class Secret:
    """Text that logs, replies, errors and repr do not show. False if empty.

    In a configuration file it must be a reference, ``${NAME}`` or
    ``${file:PATH}``; a literal is refused.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = str(value)

    def reveal(self) -> str:
        """Return the secret, for the call that needs it."""
        return self._value

    def parts(self) -> Sequence[str]:
        """Return the parts of the value that must not be shown."""
        return (self._value,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('***')"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    @classmethod
    def why_refused(cls, value: str) -> str:
        """Return why a configuration file may not contain ``value``, or an empty string.

        The reason does not contain the value.
        """
        if not isinstance(value, Referenced):
            return "do not put a secret in this file; use ${NAME} or ${file:PATH}"
        if not value.bare:
            return "a secret may not have a default in this file; use ${NAME} alone"
        return "" if value else f"{value.pattern} is empty"

    @classmethod
    def _read(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise _refuse(ValueError("must be text"))
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "password", "pattern": r"\$\{[^}]+\}"}


class SecretUrl(Secret):
    """A URL that may contain a password, which ``str()`` masks.

    In a configuration file only the password must be a reference.
    """

    __slots__ = ()

    def parts(self) -> Sequence[str]:
        """Return its passwords."""
        return _passwords(self._value)

    def __str__(self) -> str:
        return _without_password(self._value)

    def __repr__(self) -> str:
        return f"SecretUrl({str(self)!r})"

    @classmethod
    def why_refused(cls, value: str) -> str:
        """Return why a configuration file may not contain ``value``, or an empty string."""
        source = value.pattern if isinstance(value, Referenced) else value
        if all(_REFERENCES.fullmatch(password) for password in _passwords(source)):
            return cls.why_unreadable(value)
        return "do not put the password in this file; use ${NAME} or ${file:PATH}"

    @staticmethod
    def why_unreadable(url: str) -> str:
        """Return how to fix a user or password with unencoded characters, or an empty string."""
        start, password, _ = _userinfo(url)
        user = start.partition("://")[2]
        if _ENCODED.fullmatch(user) and _ENCODED.fullmatch(password):
            return ""
        return (
            "the user or the password has reserved characters; percent-encode them: "
            "@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25"
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "secret-url"}


_SECRET_NAME = re.compile(
    r"(token|password|passphrase|secret|(api|private|access)[_-]?key)$", re.IGNORECASE
)


def is_secret_name(name: str) -> bool:
    """Return whether a setting of this name is usually a secret, such as ``bot_token``."""
    return _SECRET_NAME.search(name) is not None


_REFERENCES = re.compile(r"(\$\{(?:file:[^{}]+|[A-Za-z_]\w*)\})+")
_ENCODED = re.compile(r"(?:[^@:/?#\[\]%\s]|%[0-9A-Fa-f]{2})*")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passwd", "pwd", "token", "secret"})


def _userinfo(url: str) -> tuple[str, str, str]:
    """Split ``scheme://user:password@host…``; a password may hold any character but the last @."""
    scheme, _, rest = url.partition("://")
    before, at, after = rest.rpartition("@")
    if not at or scheme.startswith("sqlite"):
        return "", "", ""
    user, _, password = before.partition(":")
    return f"{scheme}://{user}", password, after


def _passwords(url: str) -> list[str]:
    """Return the passwords of a URL: after ``user:``, and in secret query parameters."""
    query = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    found = [value for key, value in query if key.lower() in _SECRET_PARAMETERS]
    return [password for password in (_userinfo(url)[1], *found) if password]


def _without_password(url: str) -> str:
    """Return the URL with its password and its query masked."""
    start, password, end = _userinfo(url)
    shown = f"{start}{':***' if password else ''}@{end}" if start else url
    base, mark, _ = shown.partition("?")
    return f"{base}?***" if mark else base
