"""What the annotations of a model say may stand in the file.

Only as much as is needed to tell unknown keys, to keep text text, and to know
secrets; whether a value is right is pydantic's business. What is not
understood counts as "anything", and is then left to pydantic alone.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

import pydantic
from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, SecretBytes, SecretStr

from smartops.values import Secret

_TEXTS = (str, bytes, timedelta, date, time, UUID)
_SCALARS: Mapping[type, type] = {
    bool: bool,
    int: int,
    float: float,
    Decimal: float,
    PurePath: PurePath,
    **dict.fromkeys(_TEXTS, str),
}
_SECRETS = (Secret, pydantic.Secret, SecretStr, SecretBytes)
_LISTS = (list, tuple, set, frozenset, collections.abc.Iterable)
_MAPS = (dict, collections.abc.Mapping)


@dataclass(frozen=True)
class Shape:
    """What may stand in one place. ``words`` are the texts of a Literal or an Enum."""

    anything: bool = False
    none: bool = False
    scalars: frozenset[type] = frozenset()
    secrets: frozenset[type[Secret]] = frozenset()
    words: frozenset[str] = frozenset()
    models: tuple[type, ...] = ()
    items: Shape | None = None
    values: Shape | None = None

    def __or__(self, other: Shape) -> Shape:
        return Shape(
            self.anything or other.anything,
            self.none or other.none,
            self.scalars | other.scalars,
            self.secrets | other.secrets,
            self.words | other.words,
            self.models + other.models,
            _both(self.items, other.items),
            _both(self.values, other.values),
        )

    @property
    def text_only(self) -> bool:
        """Whether a lone value here is text, whatever it looks like."""
        inner = self.items if self.items and not self.scalars else self
        return not self.anything and bool(inner.scalars) and inner.scalars <= {str, PurePath}

    @property
    def path(self) -> bool:
        """Whether a lone value here is the path of a file."""
        return not self.anything and self.scalars == {PurePath}

    @property
    def mapping(self) -> bool:
        """Whether a mapping may stand here."""
        return bool(self.models or self.values)


ANYTHING = Shape(anything=True)


def _both(one: Shape | None, other: Shape | None) -> Shape | None:
    return one | other if one and other else one or other


@functools.lru_cache(maxsize=512)
def fields(model: type) -> Mapping[str, Shape]:
    """Return what may stand under each key of a model, by the key as it is written."""
    if issubclass(model, BaseModel):
        found: dict[str, Shape] = {}
        for name, field in model.model_fields.items():
            keys = _keys(model, name, field.validation_alias or field.alias)
            found |= dict.fromkeys(keys, shape(field.annotation))
        return found
    return {name: shape(hint) for name, hint in typing.get_type_hints(model).items()}


def _keys(model: type[BaseModel], name: str, alias: object) -> list[str]:
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    keys = [str(item.path[0]) if isinstance(item, AliasPath) else item for item in choices]
    written = [key for key in keys if isinstance(key, str)]
    by_name = model.model_config.get("populate_by_name") or model.model_config.get(
        "validate_by_name"
    )
    return [*written, name] if by_name or not written else written


def shape(hint: Any) -> Shape:
    """Return what may stand where a value of type ``hint`` is wanted."""
    if isinstance(hint, typing.NewType):
        return shape(hint.__supertype__)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return shape(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(Shape.__or__, map(shape, arguments))
    if origin is typing.Literal:
        return _words(arguments)
    if hint is None or hint is type(None):
        return Shape(none=True)
    kind = origin or hint
    return _of_class(kind, arguments) if isinstance(kind, type) else ANYTHING


def _words(values: tuple[object, ...]) -> Shape:
    """Return the shape of a choice among ``values``."""
    kinds = {type(value) for value in values} & {str, int, float, bool}
    words = frozenset(value for value in values if isinstance(value, str))
    return Shape(scalars=frozenset(kinds), none=None in values, words=words)


def _of_class(kind: type, arguments: tuple[Any, ...]) -> Shape:
    if issubclass(kind, enum.Enum):
        return _words(tuple(member.value for member in kind))
    if issubclass(kind, RootModel):
        return shape(kind.model_fields["root"].annotation)
    typed_dict = issubclass(kind, dict) and hasattr(kind, "__required_keys__")
    if issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind) or typed_dict:
        return Shape(models=(kind,))
    return _scalar(kind) or _container(kind, arguments)


def _scalar(kind: type) -> Shape | None:
    if issubclass(kind, _SECRETS):
        secret = kind if issubclass(kind, Secret) else Secret
        return Shape(scalars=frozenset({str}), secrets=frozenset({secret}))
    for base, found in _SCALARS.items():
        if issubclass(kind, base):
            return Shape(scalars=frozenset({found}))
    return None


def _container(kind: type, arguments: tuple[Any, ...]) -> Shape:
    if issubclass(kind, _MAPS):
        return Shape(values=shape(arguments[1]) if len(arguments) == 2 else ANYTHING)
    if issubclass(kind, _LISTS):
        inner = [shape(item) for item in arguments if item is not ...]
        return Shape(items=functools.reduce(Shape.__or__, inner) if inner else ANYTHING)
    return ANYTHING
