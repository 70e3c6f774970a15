"""The configured regions, for plugins that call AWS in all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from typing import TypeVar

import anyio

from smartops import BackendUnavailable, Refusal, Services
from smartops.backends import Failure, PartialMap

from .region import Region

_TIMEOUT = 20.0
"""Seconds that a region may take before the others are shown without it."""

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
    found: dict[str, T] = {}
    failed: dict[str, Refusal] = {}

    async def one(region: Region) -> None:
        try:
            with region.clock.fail_after(_TIMEOUT):
                found[region.name] = await ask(region)
        except Refusal as error:
            failed[region.name] = error
        except TimeoutError:
            late = f"There was no answer within {_TIMEOUT:.0f} seconds"
            failed[region.name] = BackendUnavailable(late)

    async with anyio.create_task_group() as tasks:
        for region in regions:
            tasks.start_soon(one, region)
    names = [region.name for region in regions]
    failures = [Failure(name, failed[name]) for name in names if name in failed]
    if failures and not found:
        error = failures[0].error
        raise error.reworded(str(failures[0]), error.details)
    return PartialMap({name: found[name] for name in names if name in found}, failures)


def require_sdk(extra: str) -> None:
    """Raise ImportError if the SDK of AWS is not installed."""
    if find_spec("botocore") is None:
        raise ImportError(f"botocore is missing; pip install 'smartops[{extra}]'")
