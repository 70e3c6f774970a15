"""Calling plugin code: an exception there fails one call, never the process.

asyncio ends the event loop when ``SystemExit`` or ``KeyboardInterrupt`` leaves a
task, so they are turned into an ordinary failure in the task that runs the plugin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from .errors import Refusal, SmartOpsError

T = TypeVar("T")

CANCELLED = (asyncio.CancelledError, GeneratorExit)
"""The exceptions that cancel a task: code that catches them must raise them again."""


class PluginFailed(SmartOpsError):
    """A plugin broke its contract; the text names it, and is for the log only."""


async def contained(owner: str, work: Awaitable[T]) -> T:
    """Await plugin code; add the plugin's name to the traceback of its exceptions.

    Refusals and cancellation are raised unchanged. Exceptions that would end the
    process become PluginFailed.
    """
    try:
        return await work
    except (*CANCELLED, Refusal):
        raise
    except Exception as error:
        if not getattr(error, "__notes__", ()):  # else it was raised by a nested call
            error.add_note(f"raised in the plugin {owner}")
        raise
    except BaseException as error:  # such as SystemExit of argparse
        raise PluginFailed(f"the plugin {owner} raised {type(error).__name__}") from error
