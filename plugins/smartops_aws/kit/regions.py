"""The configured regions, for plugins that call AWS in all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TypeVar

from smartops import Services
from smartops.backends import PartialMap, ask_all

from .region import Region

T = TypeVar("T")


class Regions(tuple[Region, ...]):
    """What the aws plugin shares with others."""

    __slots__ = ()


def regions(services: Services) -> Sequence[Region]:
    """Return every region of every account of the aws plugin; for ``register_commands``.

    Raises LookupError if the aws plugin is not loaded.
    """
    found: Regions | None = services.shared.get(Regions)
    if found is None:
        raise LookupError("the plugin aws is not loaded; add it under plugins:")
    return found


async def everywhere(
    regions: Sequence[Region], ask: Callable[[Region], Awaitable[T]]
) -> PartialMap[T]:
    """Ask every region at once; return the results by region, and the failures of the others.

    It is for reads: a region that does not answer in time is given up. Raises
    a refusal if none answers.
    """
    calls = {region.name: partial(ask, region) for region in regions}
    answers = await ask_all(calls, regions[0].clock)
    answers.required()
    return PartialMap(answers.found, answers.failures)


def require_sdk(extra: str) -> None:
    """Raise ImportError if the SDK of AWS is not installed."""
    if find_spec("botocore") is None:
        raise ImportError(f"botocore is missing; pip install 'smartops[{extra}]'")
