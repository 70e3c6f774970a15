"""Types of the settings, and the checks of single values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from smartops.addresses import is_network, url_problem
from smartops.cron import why_no_cron
from smartops.message import parse_identity
from smartops.values import Duration, Secret, SecretUrl

from .references import FOLDER, within


class Section(BaseModel):
    """A section of the configuration: immutable; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def refuse(reason: str) -> PydanticCustomError:
    """Return the error of a value, to be raised."""
    return PydanticCustomError("smartops", "{reason}", {"reason": reason})


def listed(value: Any) -> Any:
    """Return a single text or secret as a tuple of one."""
    return (value,) if isinstance(value, str | Secret) else value


def _in_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER)
    return within(folder, path) if folder else path


def _store_url(url: SecretUrl, info: ValidationInfo) -> SecretUrl:
    scheme, separator, rest = url.reveal().partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and separator:
        return SecretUrl(f"postgresql+psycopg://{rest}")
    if scheme != "sqlite" or not rest.startswith("/"):
        raise refuse("must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    file = rest[1:]
    if not file or file.startswith((":memory:", "?")):
        raise refuse("must name a file, because the store has to outlive the process")
    folder = (info.context or {}).get(FOLDER)
    return SecretUrl(f"sqlite:///{within(folder, file)}") if folder else url


_SHARED = ("redis", "rediss", "valkey", "valkeys", "unix")


def _limits_url(url: SecretUrl) -> SecretUrl:
    scheme, separator, _ = url.reveal().partition("://")
    if url.reveal() != "memory" and not (separator and scheme in _SHARED):
        raise refuse("must be memory, or a URL such as redis://HOST:6379/0 or valkey://HOST")
    return url


def _clock_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise refuse("must be a time of day such as 22:00; put it in quotes")
    return text


def _cron(text: str) -> str:
    if why := why_no_cron(text):
        raise refuse(f"is no cron expression: {why}")
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError):
        raise refuse("must be the name of a time zone, such as Europe/Berlin") from None
    return name


def _base_path(path: str) -> str:
    stripped = path.rstrip("/")
    if stripped and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", stripped):
        raise refuse("must be a path such as /prod, or empty")
    return stripped


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(is_network, texts)):
        raise refuse("must be addresses or networks, such as 10.0.0.0/8")
    return texts


def _metadata(url: str) -> str:
    problem = url_problem(url)
    if problem == "holds a user name":
        raise refuse("must not hold a user or a password")
    if problem:
        raise refuse("must be an https:// URL; plain http only for a loopback address")
    return url


def _one_word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", text):
        raise refuse("must be one word of letters, digits, - and _, beginning with a letter")
    return text


def _phrase(text: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*( \w[\w.-]*)*", text):
        raise refuse("must be words of letters, digits, dots, - and _")
    return text


def _person_name(text: str) -> str:
    if not re.fullmatch(r"[^\s:,\x00-\x1f\x7f]{1,100}", text):
        raise refuse("a person's name must be one word without colons and commas")
    return text


def _identity_text(text: str) -> str:
    if parse_identity(text) is None:
        raise refuse("must be provider:id or provider:tenant:id, such as local:alice")
    return text


def _plugin_sections(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise refuse("must be a mapping of plugin names to their settings, such as api: {}")
    return value


Word = Annotated[str, Field(min_length=1)]

Texts = Annotated[
    tuple[Word, ...],
    Field(min_length=1),
    BeforeValidator(listed, json_schema_input_type=Word | tuple[Word, ...]),
]
"""One text or a list of texts, as a tuple."""

Name = Annotated[str, AfterValidator(_one_word)]
ClockTime = Annotated[str, AfterValidator(_clock_time)]
CronText = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Phrase = Annotated[str, AfterValidator(_phrase)]
Positive = Annotated[Duration, Field(gt=timedelta(0))]
BasePath = Annotated[str, AfterValidator(_base_path)]
Networks = Annotated[Texts, AfterValidator(_networks)]
FileInFolder = Annotated[Path, AfterValidator(_in_folder)]
StoreUrl = Annotated[SecretUrl, AfterValidator(_store_url)]
LimitsUrl = Annotated[SecretUrl, AfterValidator(_limits_url)]
MetadataUrl = Annotated[str, AfterValidator(_metadata)]
PersonName = Annotated[str, AfterValidator(_person_name)]
IdentityText = Annotated[str, AfterValidator(_identity_text)]
PluginSections = Annotated[Mapping[str, Any], BeforeValidator(_plugin_sections)]
