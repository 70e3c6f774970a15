"""From a free-text question to commands, and from their replies to an answer.

The model gets the commands of the person as tools. A tool call becomes the text of
a command and passes the gate like a typed one. A change ends the question: the
person has to confirm it, which the model cannot do.
"""

from __future__ import annotations

import re
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

from .answer import answer, proposal, visible_text
from .budget import Budget
from .config import BedrockConfig
from .failures import refused
from .fence import fenced, note
from .memory import Exchange, Memory, Step, messages_of
from .model import Model, ToolCall, Turn
from .prompt import system, user_content
from .tools import Toolbox

_LONGEST_QUESTION = 4000
_CODE = re.compile(r"\b(?:confirm|cancel)_[\w-]+", re.IGNORECASE)
"""What a button of an approval sends: it is neither for the model nor for its memory."""

_PENDING = "SmartOps asked the person to confirm this; whether they did is not known here"
_DENIED = "The person may not do this, and has got a message that says so"


@dataclass(slots=True)
class Inquiry:
    """A question in progress: its conversation with the model, and what was run for it.

    ``private`` is set when the model was given what only the person may see.
    """

    question: FreeText
    tools: Toolbox
    deadline: float
    messages: list[dict[str, Any]]
    private: bool
    steps: list[Step] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    answer: str = ""
    forgotten: bool = False


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
        words = _CODE.sub("(code)", message.text.strip())
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
        inquiry = Inquiry(
            question,
            tools,
            self._clock.time() + self._config.limits.question.total_seconds(),
            messages_of(before, user_content(words, await question.lately())),
            private=any(exchange.private for exchange in before),
        )
        reply = await self._answer(inquiry)
        if not inquiry.forgotten:
            exchange = Exchange(words, inquiry.answer, tuple(inquiry.steps), inquiry.private)
            await self._memory.remember(message, person, before, exchange)
        return reply

    async def aclose(self) -> None:
        """Close the connections to the model."""
        await self._model.aclose()

    async def _answer(self, inquiry: Inquiry) -> Reply:
        for _ in range(self._config.rounds):
            turn = await self._ask(inquiry)
            if turn.stop in ("guardrail_intervened", "content_filtered"):
                inquiry.forgotten = True
                return _filtered(turn)
            if turn.stop == "model_context_window_exceeded":
                await self._memory.forget(inquiry.question.message, inquiry.question.person)
                raise refused("That is too much for the language model", "Ask something narrower")
            cut = turn.stop == "max_tokens"
            if not turn.calls or cut:
                inquiry.answer = _text_of(turn, cut=cut)
                return answer(inquiry.answer, inquiry.commands, cut=cut, private=inquiry.private)
            final = await self._run_all(inquiry, turn)
            if final is not None:
                return final
        raise refused(
            f"The language model did not come to an answer in {self._config.rounds} rounds",
            "Ask something narrower; see plugins.bedrock.rounds",
        )

    async def _ask(self, inquiry: Inquiry) -> Turn:
        """Ask the model for its next turn, within what is left of the question's time."""
        left = self._seconds_left(inquiry)
        prompt = system(self._clock.now(), self._config.instructions)
        person = inquiry.question.person.name
        try:
            with self._clock.fail_after(left):
                return await self._model.ask(person, prompt, inquiry.messages, inquiry.tools.config)
        except TimeoutError:
            raise self._timed_out() from None

    def _seconds_left(self, inquiry: Inquiry) -> float:
        left = inquiry.deadline - self._clock.time()
        if left <= 0:
            raise self._timed_out()
        return left

    def _timed_out(self) -> Exception:
        seconds = self._config.limits.question.total_seconds()
        return refused(
            f"The language model did not answer within {seconds:g} seconds",
            "Ask again, or something narrower; see plugins.bedrock.limits.question",
        )

    async def _run_all(self, inquiry: Inquiry, turn: Turn) -> Reply | None:
        """Run the tool calls of a turn; return the reply that ends the question, if any."""
        results: list[dict[str, Any]] = []
        for call in turn.calls:
            self._seconds_left(inquiry)  # each command has a deadline, but not all together
            result, failed, final = await self._run(inquiry, call)
            if call.tool in inquiry.tools:
                inquiry.steps.append(Step(call.tool, call.input, result))
            if final is not None:
                return final
            status = "error" if failed else "success"
            content = {"toolUseId": call.id, "content": [{"text": result}], "status": status}
            results.append({"toolResult": content})
        inquiry.messages += [
            {"role": "assistant", "content": list(turn.content)},
            {"role": "user", "content": results},
        ]
        return None

    async def _run(self, inquiry: Inquiry, call: ToolCall) -> tuple[str, bool, Reply | None]:
        """Run one tool call; return its result, whether it failed, and a reply that is final."""
        try:
            command = inquiry.tools.command(call.tool)
            text = inquiry.tools.text(call.tool, call.input)
            if self._config.scripts == "ask" and "classify" in command.companions:
                return note("pending", f"{_PENDING}: {text}"), False, proposal(text)
            reply = await inquiry.question.run(text)
        except ValidationFailed as error:
            return note("error", error.message, error.details), True, None
        if reply.status == "pending":
            return note("pending", f"{_PENDING}: {text}"), False, reply
        if reply.error is None:
            inquiry.commands.append(text)
            inquiry.private = inquiry.private or reply.private
        elif reply.error.code == "PERMISSION_DENIED" and command.effect is not Effect.READ:
            return note("error", _DENIED), True, reply
        return fenced(reply, text, self._config.result), reply.error is not None, None

    async def _sweep(self) -> None:
        """Delete what has expired, once a day."""
        today = f"{self._clock.now():%Y-%m-%d}"
        if self._swept != today:
            self._swept = today
            await self._budget.sweep()
            await self._memory.sweep()


def _text_of(turn: Turn, *, cut: bool) -> str:
    """Return the text of the model's last turn; raises ModelFailed if it has none."""
    text = visible_text(turn.text)
    if cut and (turn.calls or not text):
        raise refused(
            "The language model was cut short",
            "Ask something narrower, or raise plugins.bedrock.max_tokens",
        )
    if not text:
        raise refused(
            "The language model answered nothing",
            f"Ask in other words. It stopped with {turn.stop}",
        )
    return text


def _filtered(turn: Turn) -> Reply:
    """Return the text of a guardrail or filter."""
    text = visible_text(turn.text) or "The guardrail of the language model does not allow this."
    return Reply.of(Text(text, severity=Severity.WARNING), private=True)
