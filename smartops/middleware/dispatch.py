"""The end of the way: plugin layers, then the handler, under a deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from smartops.command import Call, Effect, Layer
from smartops.errors import DeadlineExceeded
from smartops.reply import Reply

from .turn import Parts, Turn
from .wiring import Wired

CallNext = Callable[[Call], Awaitable[Reply]]


async def dispatch(parts: Parts, layers: Sequence[Layer], turn: Turn) -> Reply:
    """Run the call through the plugins' layers to its handler.

    Raises DeadlineExceeded when the command's deadline passes, saying whether
    something may have happened.
    """
    assert turn.call is not None
    assert turn.command is not None
    wired = parts.wired[turn.call.command]
    chain: CallNext = partial(_handle, wired, turn)
    for layer in reversed(layers):
        chain = _around(layer, chain)
    deadline = turn.command.deadline.total_seconds()
    try:
        with parts.clock.fail_after(deadline) as scope:
            if turn.work is not None:
                turn.work.scopes.append(scope)
            return await chain(turn.call)
    except TimeoutError:
        raise DeadlineExceeded(
            f"{turn.call.text} did not finish within {deadline:g} seconds",
            details="Nothing was changed."
            if turn.effect is Effect.READ
            else "It may or may not have taken effect: look before you repeat it.",
        ) from None


def _around(layer: Layer, inner: CallNext) -> CallNext:
    async def outer(call: Call) -> Reply:
        return await layer(call, inner)

    return outer


async def _handle(wired: Wired, turn: Turn, call: Call) -> Reply:
    return await wired.run(call, turn.plan, turn.work)
