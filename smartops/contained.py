"""The calls into the code of plugins: whatever is raised there fails one call, never the process.

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
"""What ends a task from outside: it must be raised again wherever it is caught."""


class PluginFailed(SmartOpsError):
    """A plugin did what it must not; the text, which names it, is for the log only."""


async def contained(owner: str, work: Awaitable[T]) -> T:
    """Await what a plugin does; name the plugin in the traceback of what it raises.

    Refusals and cancellation are passed on as they are. What would end the
    process becomes PluginFailed.
    """
    try:
        return await work
    except (*CANCELLED, Refusal):
        raise
    except Exception as error:
        if not getattr(error, "__notes__", ()):  # else it was raised further in
            error.add_note(f"raised in the plugin {owner}")
        raise
    except BaseException as error:  # SystemExit, for example, as argparse raises it
        raise PluginFailed(f"the plugin {owner} raised {type(error).__name__}") from error
