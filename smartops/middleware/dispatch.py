"""The end of the way: plugin layers, then the handler, under a deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from smartops.command import Call, Effect
from smartops.contained import PluginFailed, contained
from smartops.errors import DeadlineExceeded, PermissionDenied, Refusal
from smartops.plugins import Offer
from smartops.reply import Reply

from .turn import Parts, Turn
from .wiring import Wired

Rest = Callable[[], Awaitable[Reply]]


async def dispatch(parts: Parts, layers: Sequence[Offer], turn: Turn) -> Reply:
    """Run the call through the plugins' layers to its handler.

    Raises DeadlineExceeded when the command's deadline passes, saying whether
    something may have happened.
    """
    assert turn.call is not None
    assert turn.command is not None
    chain: Rest = partial(_handle, parts.wired[turn.call.command], turn, turn.call)
    for layer in reversed(layers):
        chain = _Layered(layer, turn, chain)
    deadline = turn.command.deadline.total_seconds()
    try:
        with parts.clock.fail_after(deadline) as scope:
            if turn.work is not None:
                turn.work.scopes.append(scope)
            return await chain()
    except TimeoutError:
        raise DeadlineExceeded(
            f"{turn.call.text} did not finish within {deadline:g} seconds",
            details="Nothing was changed."
            if turn.effect is Effect.READ
            else "The result is unknown. Check the target's state before you retry.",
        ) from None


class _Layered:
    """One layer around the rest of the way.

    The call that runs is the one that was approved, and it runs once: a layer
    may refuse it before, and add to the reply. What came of a change is
    reported although a layer hides it.
    """

    def __init__(self, layer: Offer, turn: Turn, rest: Rest) -> None:
        self._layer = layer
        self._turn = turn
        self._rest = rest
        self._passed = False
        self._reply: Reply | None = None
        self._error: Exception | None = None

    async def __call__(self) -> Reply:
        """Run the layer; raises PluginFailed if it does what a layer must not."""
        owner, call = self._layer.owner, self._turn.call
        assert call is not None
        try:
            reply = await contained(owner, self._layer.value(call, self._call_next))
        except Exception as error:
            self._report_change(error)
            raise
        self._report_change(None)
        if self._turn.effect is not Effect.READ and not self._passed:
            raise PermissionDenied(
                f"The plugin {owner} did not let this pass: {call.text}",
                details="Nothing was done.",
            )
        if not isinstance(reply, Reply):
            raise PluginFailed(f"the layer of {owner} returned {type(reply).__name__}, not a Reply")
        return reply

    def _report_change(self, error: Exception | None) -> None:
        """Raise what became of a change if the layer, raising ``error``, says otherwise."""
        if self._turn.effect is Effect.READ:
            return
        if self._error is not None and error is not self._error:
            raise self._error
        if self._reply is not None and isinstance(error, Refusal):
            raise PluginFailed(f"the layer of {self._layer.owner} refused what was done")

    async def _call_next(self, call: Call) -> Reply:
        owner, approved = self._layer.owner, self._turn.call
        assert approved is not None
        if self._passed:
            raise PluginFailed(f"the layer of {owner} called call_next twice")
        if call != approved:
            raise PermissionDenied(
                f"The plugin {owner} passed on another call than this: {approved.text}",
                details="Nothing was done.",
            )
        self._passed = True
        try:
            self._reply = await self._rest()
        except Exception as error:
            self._error = error
            raise
        return self._reply


async def _handle(wired: Wired, turn: Turn, call: Call) -> Reply:
    return await wired.run(call, turn.plan, turn.work)
