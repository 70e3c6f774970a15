"""From plain words to commands, and from their answers to an answer.

The model has the commands of the person who asks as its tools. What it wants
to use becomes the text of a command and passes the gate like anything typed.
A change ends the matter: the person is shown what would be done, and nobody
else can go on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smartops import (
    Clock,
    Effect,
    FreeText,
    Interpreter,
    KeyValueStore,
    Reply,
    Severity,
    Text,
    ValidationFailed,
)

from .answer import answer, spoken
from .budget import Budget
from .config import BedrockConfig
from .failures import refused, unfinished
from .fence import fenced, note
from .memory import Exchange, Memory, Step, turns
from .model import Model, Turn, Use
from .prompt import asked, system
from .tools import Toolbox

_LONGEST_QUESTION = 4000
_SHOWN = "SmartOps asked the person to confirm this; whether they did is not known here"
_DENIED = "The person may not do this, and was told so"
_STOPPED = frozenset({"guardrail_intervened", "content_filtered"})
_TOO_MUCH = "model_context_window_exceeded"


@dataclass(slots=True)
class Inquiry:
    """One question on its way: what was said so far, and what was found out.

    ``private`` says that the model was told what only the person may see, ``said`` is its
    answer, ``lost`` that nothing of it is to be remembered.
    """

    question: FreeText
    tools: Toolbox
    messages: list[dict[str, Any]]
    steps: list[Step] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    private: bool = False
    said: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a use of a tool; ``ends`` is a reply that leaves nothing more to say."""

    result: str
    failed: bool = False
    ends: Reply | None = None


class BedrockInterpreter(Interpreter):
    """A language model that proposes commands, and answers from what they return."""

    name = "bedrock"

    def __init__(self, config: BedrockConfig, store: KeyValueStore, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._budget = Budget(config.budget, store, clock)
        self._memory = Memory(config.context, store, clock)
        self._model = Model(config, self._budget, clock)
        self._swept = ""

    async def interpret(self, question: FreeText) -> Reply | None:
        """Return the answer, or what the person has to confirm; None if there is nothing to ask.

        Raises ModelFailed, and RateLimited when the budget is used up.
        """
        message, person = question.message, question.person
        words = message.text.strip()
        tools = Toolbox(question)
        if not words or not tools:
            return None
        if len(words) > _LONGEST_QUESTION:
            raise ValidationFailed(
                "That is too long for a question",
                details=f"At most {_LONGEST_QUESTION:,} characters",
            )
        await self._sweep()
        before = await self._memory.recall(message, person)
        content = asked(words, await question.lately())
        private = any(exchange.private for exchange in before)
        inquiry = Inquiry(question, tools, turns(before, content), private=private)
        reply = await self._answer(inquiry)
        if not inquiry.lost:
            exchange = Exchange(words, inquiry.said, tuple(inquiry.steps), inquiry.private)
            await self._memory.remember(message, person, before, exchange)
        return reply

    async def aclose(self) -> None:
        """Close the connections to the model."""
        await self._model.aclose()

    async def _answer(self, inquiry: Inquiry) -> Reply:
        until = self._clock.time() + self._config.limits.question.total_seconds()
        for _ in range(self._config.rounds):
            turn = await self._turn(inquiry, until)
            if turn.stop in _STOPPED:
                inquiry.lost = True
                return _stopped(turn)
            if turn.stop == _TOO_MUCH:
                await self._memory.forget(inquiry.question.message, inquiry.question.person)
                raise refused("That is too much for the language model", "Ask something narrower")
            cut = turn.stop == "max_tokens"
            if not turn.uses or cut:
                inquiry.said = _said(turn, cut=cut)
                return answer(inquiry.said, inquiry.commands, cut=cut, private=inquiry.private)
            ended = await self._use(inquiry, turn, until)
            if ended is not None:
                return ended
        raise refused(
            f"The language model did not come to an answer in {self._config.rounds} rounds",
            "Ask something narrower; see plugins.bedrock.rounds",
        )

    async def _turn(self, inquiry: Inquiry, until: float) -> Turn:
        left = self._left(until)
        prompt = system(self._clock.now(), self._config.instructions)
        person = inquiry.question.person.name
        try:
            with self._clock.fail_after(left):
                return await self._model.ask(person, prompt, inquiry.messages, inquiry.tools.config)
        except TimeoutError:
            raise unfinished(self._config) from None

    def _left(self, until: float) -> float:
        """Return the seconds that are left of a question's time; raises ModelFailed if none is."""
        left = until - self._clock.time()
        if left <= 0:
            raise unfinished(self._config)
        return left

    async def _use(self, inquiry: Inquiry, turn: Turn, until: float) -> Reply | None:
        """Run what the model wants; returns the reply that ends the matter, if one does."""
        results: list[dict[str, Any]] = []
        for use in turn.uses:
            self._left(until)  # a command has a deadline of its own, and many have many
            ran = await self._run(inquiry, use)
            if use.tool in inquiry.tools:
                inquiry.steps.append(Step(use.tool, use.input, ran.result))
            if ran.ends is not None:
                return ran.ends
            result = {
                "toolUseId": use.id,
                "content": [{"text": ran.result}],
                "status": "error" if ran.failed else "success",
            }
            results.append({"toolResult": result})
        inquiry.messages += [
            {"role": "assistant", "content": list(turn.content)},
            {"role": "user", "content": results},
        ]
        return None

    async def _run(self, inquiry: Inquiry, use: Use) -> Ran:
        try:
            command = inquiry.tools.command(use.tool)
            text = inquiry.tools.text(use.tool, use.input)
            reply = await inquiry.question.run(text)
        except ValidationFailed as error:
            return Ran(note("error", error.message, error.details), failed=True)
        if reply.status == "pending":
            return Ran(note("pending", f"{_SHOWN}: {text}"), ends=reply)
        if reply.error is None:
            inquiry.commands.append(text)
            inquiry.private = inquiry.private or reply.private
        elif reply.error.code == "PERMISSION_DENIED" and command.effect is not Effect.READ:
            return Ran(note("error", _DENIED), failed=True, ends=reply)
        return Ran(fenced(reply, text, self._config.result), failed=reply.error is not None)

    async def _sweep(self) -> None:
        """Once a day, forget what is over."""
        today = f"{self._clock.now():%Y-%m-%d}"
        if self._swept != today:
            self._swept = today
            await self._budget.sweep()
            await self._memory.sweep()


def _said(turn: Turn, *, cut: bool) -> str:
    said = spoken(turn.text)
    if cut and (turn.uses or not said):
        raise refused(
            "The language model was cut short",
            "Ask something narrower, or raise plugins.bedrock.max_tokens",
        )
    if not said:
        raise refused(
            "The language model answered nothing",
            f"Ask in other words. It stopped with {turn.stop}",
        )
    return said


def _stopped(turn: Turn) -> Reply:
    """Return what a guardrail or filter says instead of an answer."""
    said = spoken(turn.text) or "The guardrail of the language model does not allow this."
    return Reply.of(Text(said, severity=Severity.WARNING), private=True)
